package main

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"sensor-backend/services/internal/httpapi"
	"sensor-backend/services/internal/tracing"
)

// config is the environment, read once.
type config struct {
	port           string
	databaseURL    string
	stagingBucket  string
	copyRole       string
	sourceBucket   string
	processed      string // bucket
	loadQueue      string // URL
	metadataTable  string
	metadataURI    string
	readTimeout    time.Duration // of a whole request
	drainDelay     time.Duration
	stopTimeout    time.Duration
	retention      time.Duration
	futureLimit    time.Duration
	ingestBatches  int
	migrateOnStart bool
	writeKeys      httpapi.Keys
	corsOrigins    []string
	tracing        tracing.Config
}

// readConfig returns every mistake in the environment at once.
func readConfig(getenv func(string) string) (config, error) {
	r := reader{getenv: getenv}
	cfg := config{
		port:           r.text("PORT", "8080"),
		databaseURL:    r.text("DATABASE_URL", ""),
		stagingBucket:  r.text("REDSHIFT_STAGING_BUCKET", ""),
		copyRole:       r.text("REDSHIFT_COPY_ROLE_ARN", ""),
		sourceBucket:   r.text("SOURCE_BUCKET", ""),
		processed:      r.text("PROCESSED_BUCKET", ""),
		loadQueue:      r.text("LOAD_QUEUE_URL", ""),
		metadataTable:  r.text("METADATA_TABLE", ""),
		metadataURI:    r.text("ECS_CONTAINER_METADATA_URI_V4", ""),
		readTimeout:    30 * time.Second,
		drainDelay:     r.duration("DRAIN_DELAY", 3*time.Second),
		stopTimeout:    r.duration("STOP_TIMEOUT", 20*time.Second),
		retention:      r.duration("RETENTION", 0),
		futureLimit:    r.duration("FUTURE_LIMIT", 24*time.Hour),
		ingestBatches:  r.positive("INGEST_BATCHES", 64),
		migrateOnStart: r.boolean("MIGRATE_ON_START", true),
		corsOrigins:    r.list("CORS_ORIGINS"),
	}
	if n, err := strconv.ParseUint(cfg.port, 10, 16); err != nil || n == 0 {
		r.fail("PORT", cfg.port, "a number from 1 to 65535")
	}
	if _, err := pgxpool.ParseConfig(cfg.databaseURL); cfg.databaseURL != "" && err != nil {
		// pgx has redacted the password.
		r.errs = append(r.errs, fmt.Errorf("DATABASE_URL: %w", err))
	}
	if (cfg.stagingBucket == "") != (cfg.copyRole == "") {
		r.errs = append(r.errs, errors.New("of REDSHIFT_STAGING_BUCKET and REDSHIFT_COPY_ROLE_ARN only one is set: Redshift needs both"))
	}
	if cfg.loadQueue != "" && cfg.processed == "" {
		r.errs = append(r.errs, errors.New("LOAD_QUEUE_URL is set without PROCESSED_BUCKET: the queue tells of that bucket's objects"))
	}
	for _, origin := range cfg.corsOrigins {
		if u, err := url.Parse(origin); err != nil || u.Scheme == "" || u.Host == "" || u.Path != "" {
			r.fail("CORS_ORIGINS", origin, "origins such as https://example.com, separated by commas")
		}
	}
	var err error
	if cfg.writeKeys, err = httpapi.ParseKeys(getenv("WRITE_KEYS_SHA256")); err != nil {
		r.errs = append(r.errs, fmt.Errorf("WRITE_KEYS_SHA256: %w", err))
	}
	if cfg.tracing, err = tracing.ReadConfig(getenv); err != nil {
		r.errs = append(r.errs, err)
	}
	return cfg, errors.Join(r.errs...)
}

// reader reads variables and gathers what is wrong with them.
type reader struct {
	getenv func(string) string
	errs   []error
}

func (r *reader) fail(name, value, expected string) {
	r.errs = append(r.errs, fmt.Errorf("%s is %q, expected %s", name, value, expected))
}

func (r *reader) text(name, fallback string) string {
	if value := r.getenv(name); value != "" {
		return value
	}
	return fallback
}

func (r *reader) duration(name string, fallback time.Duration) time.Duration {
	value := r.getenv(name)
	if value == "" {
		return fallback
	}
	d, err := time.ParseDuration(value)
	if err != nil || d < 0 {
		r.fail(name, value, "a duration such as 5s")
	}
	return d
}

func (r *reader) positive(name string, fallback int) int {
	value := r.getenv(name)
	if value == "" {
		return fallback
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < 1 {
		r.fail(name, value, "a number of at least 1")
	}
	return n
}

func (r *reader) boolean(name string, fallback bool) bool {
	value := r.getenv(name)
	if value == "" {
		return fallback
	}
	b, err := strconv.ParseBool(value)
	if err != nil {
		r.fail(name, value, "true or false")
	}
	return b
}

func (r *reader) list(name string) []string {
	var list []string
	for part := range strings.SplitSeq(r.getenv(name), ",") {
		if part = strings.TrimSpace(part); part != "" {
			list = append(list, part)
		}
	}
	return list
}

// print writes the configuration as environment variables, passwords, keys'
// digests and headers left out.
func (c config) print(out io.Writer) error {
	database := ""
	if u, err := url.Parse(c.databaseURL); c.databaseURL != "" {
		database = "(set)" // a form of its own that may hold a password anywhere
		if err == nil && u.Scheme != "" {
			database = u.Redacted()
			if u.Query().Has("password") {
				database = "(set)"
			}
		}
	}
	keys := ""
	if len(c.writeKeys) > 0 {
		keys = fmt.Sprintf("(%d digests)", len(c.writeKeys))
	}
	lines := [][2]string{
		{"PORT", c.port},
		{"DATABASE_URL", database},
		{"REDSHIFT_STAGING_BUCKET", c.stagingBucket},
		{"REDSHIFT_COPY_ROLE_ARN", c.copyRole},
		{"SOURCE_BUCKET", c.sourceBucket},
		{"PROCESSED_BUCKET", c.processed},
		{"LOAD_QUEUE_URL", c.loadQueue},
		{"METADATA_TABLE", c.metadataTable},
		{"DRAIN_DELAY", c.drainDelay.String()},
		{"STOP_TIMEOUT", c.stopTimeout.String()},
		{"RETENTION", c.retention.String()},
		{"FUTURE_LIMIT", c.futureLimit.String()},
		{"INGEST_BATCHES", strconv.Itoa(c.ingestBatches)},
		{"MIGRATE_ON_START", strconv.FormatBool(c.migrateOnStart)},
		{"CORS_ORIGINS", strings.Join(c.corsOrigins, ",")},
		{"WRITE_KEYS_SHA256", keys},
	}
	for _, line := range append(lines, c.tracing.Lines()...) {
		if _, err := fmt.Fprintf(out, "%s=%s\n", line[0], line[1]); err != nil {
			return err
		}
	}
	return nil
}
