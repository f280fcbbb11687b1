package main

import (
	"errors"
	"fmt"
	"strconv"
	"time"
)

// config is the environment, read once.
type config struct {
	port          string
	databaseURL   string
	sourceBucket  string
	metadataTable string
	metadataURI   string
	drainDelay    time.Duration
	stopTimeout   time.Duration
}

// readConfig returns every mistake in the environment at once.
func readConfig(getenv func(string) string) (config, error) {
	cfg := config{
		port:          getenv("PORT"),
		databaseURL:   getenv("DATABASE_URL"),
		sourceBucket:  getenv("SOURCE_BUCKET"),
		metadataTable: getenv("METADATA_TABLE"),
		metadataURI:   getenv("ECS_CONTAINER_METADATA_URI_V4"),
		stopTimeout:   20 * time.Second,
	}
	if cfg.port == "" {
		cfg.port = "8080"
	}
	var errs []error
	if n, err := strconv.ParseUint(cfg.port, 10, 16); err != nil || n == 0 {
		errs = append(errs, fmt.Errorf("PORT is %q, expected a number from 1 to 65535", cfg.port))
	}
	cfg.drainDelay = 3 * time.Second
	if text := getenv("DRAIN_DELAY"); text != "" {
		var err error
		if cfg.drainDelay, err = time.ParseDuration(text); err != nil || cfg.drainDelay < 0 {
			errs = append(errs, fmt.Errorf("DRAIN_DELAY is %q, expected a duration such as 5s", text))
		}
	}
	return cfg, errors.Join(errs...)
}
