package main

import (
	"log/slog"
	"time"

	"sensor-backend/services/internal/admission"
	"sensor-backend/services/internal/loader"
	"sensor-backend/services/internal/processor"
)

// loader is what takes processed files into the warehouse; nil is off, and the log
// says why.
func (d *dependencies) loader(cfg config, room *admission.Line, log *slog.Logger) *loader.Loader {
	switch {
	case d.loads == nil:
		log.Info("processed files are not loaded: LOAD_QUEUE_URL is not set")
		return nil
	case d.db == nil:
		log.Info("processed files are not loaded: the warehouse is off, set DATABASE_URL")
		return nil
	}
	log.Info("processed files are loaded", "queue", cfg.loadQueue, "bucket", cfg.processed)
	return &loader.Loader{
		Queue: d.loads, Source: d.objects, Bucket: cfg.processed, Warehouse: d.db, Rows: d.rows,
		Room: room, Retention: cfg.retention, Counters: d.metrics, Tracer: d.tracer,
		Now: time.Now, Pause: processor.Backoff, Hidden: loader.DefaultHidden, Log: log,
	}
}
