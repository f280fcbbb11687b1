package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"
)

// migrate brings the warehouse's schema up to date and returns: a task of its
// own, to be run before the service is updated.
func migrate(ctx context.Context, cfg config, log *slog.Logger) error {
	if cfg.databaseURL == "" {
		return fmt.Errorf("DATABASE_URL is not set, there is nothing to migrate")
	}
	db, err := openWarehouse(ctx, cfg, nil)
	if err != nil {
		return err
	}
	defer db.Close()
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	version, err := db.Migrate(ctx)
	if err != nil {
		return err
	}
	log.InfoContext(ctx, "schema migrated", "version", version)
	return nil
}
