// Command api serves the HTTP API of the sensor backend.
//
//	api                  serve
//	api migrate          bring the warehouse's schema up to date, and end
//	api healthcheck      ask a running one for its health, for images that have no other program
//	api --print-config   show the configuration, secrets left out
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"sensor-backend/services/internal/admission"
	"sensor-backend/services/internal/httpapi"
)

// Set by the linker.
var (
	version = "dev"
	commit  = "unknown"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "api:", err)
		os.Exit(1)
	}
}

// The commands, beside serving, which has no name.
const (
	commandMigrate     = "migrate"
	commandHealthcheck = "healthcheck"
	commandPrintConfig = "--print-config"
)

func run(args []string) error {
	command := strings.Join(args, " ")
	if !slices.Contains([]string{"", commandMigrate, commandHealthcheck, commandPrintConfig}, command) {
		return fmt.Errorf("unknown arguments %q, usage: api [%s | %s | %s]", args, commandMigrate, commandHealthcheck, commandPrintConfig)
	}
	cfg, err := readConfig(os.Getenv)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	log := slog.New(slog.NewJSONHandler(os.Stdout, nil))
	switch command {
	case commandMigrate:
		return migrate(ctx, cfg, log)
	case commandHealthcheck:
		return healthcheck(ctx, cfg.port)
	case commandPrintConfig:
		return cfg.print(os.Stdout)
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", ":"+cfg.port)
	if err != nil {
		return fmt.Errorf("listen on port %s (PORT): %w", cfg.port, err)
	}
	return serve(ctx, cfg, listener, log)
}

// serve runs until ctx ends, then turns away from the load balancer, finishes
// the requests that are running and returns.
func serve(ctx context.Context, cfg config, listener net.Listener, log *slog.Logger) error {
	memory := admission.Limit(ctx, cfg.metadataURI)
	inHand, heap := admission.Bound(memory)
	deps, err := connect(ctx, cfg, log)
	if err != nil {
		_ = listener.Close()
		return err
	}
	defer deps.close(ctx)

	api := httpapi.New(httpapi.Config{ //nolint:contextcheck // a request brings its own
		Warehouse: deps.warehouse(),
		Inbox:     deps.inbox,
		Catalog:   deps.catalog,
		Version:   newVersioner(cfg.metadataURI).version,
		Metrics:   deps.metrics,
		Tracer:    deps.tracer,
		Log:       log,
		Now:       time.Now,
		Window:    httpapi.Window{Future: cfg.futureLimit, Retention: cfg.retention},
		Batches:   cfg.ingestBatches,
		InHand:    inHand,
		Keys:      cfg.writeKeys,
		Origins:   cfg.corsOrigins,
	})
	server := &http.Server{
		Handler:           api,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       cfg.readTimeout,
		// Longer, so that who was too slow is still told.
		WriteTimeout: cfg.readTimeout + 10*time.Second,
		// Longer than the load balancer's 60 s, so that it never sends a
		// request on a connection that closes under it.
		IdleTimeout:    75 * time.Second,
		MaxHeaderBytes: 16 << 10,
		ErrorLog:       slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	log.InfoContext(ctx, "listening", "address", listener.Addr().String(), "version", version, "commit", commit,
		"warehouse", deps.db != nil, "inbox", cfg.sourceBucket, "catalog", cfg.metadataTable, "traces", deps.tracer != nil,
		"memory_limit", memory, "heap_limit", heap, "in_hand_limit", inHand)

	background, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	if deps.db != nil {
		wg.Go(func() {
			deps.db.KeepPreparing(background, log, cfg.migrateOnStart)
			deps.db.KeepMaintaining(background, log, time.Now, cfg.retention)
		})
	}

	if files := deps.loader(cfg, api.Room(), log); files != nil {
		wg.Go(func() { files.Run(background) })
	}

	failed := make(chan error, 1)
	wg.Go(func() { failed <- server.Serve(listener) })
	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	log.Info("stopping", "drain_delay", cfg.drainDelay.String())
	api.Drain()
	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-time.After(cfg.drainDelay):
	}
	stopping, done := context.WithTimeout(context.WithoutCancel(ctx), cfg.stopTimeout)
	defer done()
	if err := server.Shutdown(stopping); err != nil {
		_ = server.Close()
		return fmt.Errorf("stop within %s: %w", cfg.stopTimeout, err)
	}
	if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	log.Info("stopped")
	return nil
}
