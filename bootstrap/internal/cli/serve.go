package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"sensor-backend/bootstrap/internal/registry"
)

// serveCommand is what this program calls itself with to be the registry.
const serveCommand = "serve-images"

// registryAddress is on loopback only: nothing here is meant for a network.
const registryAddress = "127.0.0.1:5000"

// registryName is how the engine calls the registry.
const registryName = "localhost:5000"

func serve(ctx context.Context, args []string) error {
	if len(args) != 1 {
		return errUsage
	}
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", registryAddress)
	if err != nil {
		return fmt.Errorf("serve images: %w", err)
	}
	return serveOn(ctx, listener, args[0])
}

func serveOn(ctx context.Context, listener net.Listener, root string) error {
	server := &http.Server{Handler: registry.Handler(root, os.Getpid()), ReadHeaderTimeout: 10 * time.Second}
	go func() {
		<-ctx.Done()
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		if server.Shutdown(stopping) != nil {
			_ = server.Close()
		}
	}()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve images: %w", err)
	}
	return nil
}
