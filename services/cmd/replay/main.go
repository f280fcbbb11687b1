// Command replay sends what people really send to a running API, and says of each
// whether the answer is right:
//
//	replay -api http://localhost:8080 [-load]
//
// With the environment variable WRITE_KEY it writes with that key. It ends with 1
// when anything was wrong.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"

	"sensor-backend/services/internal/replay"
)

func main() {
	address := flag.String("api", "http://localhost:8080", "the address of the API")
	load := flag.Bool("load", false, "try what fills an API up as well")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	wrong, err := replay.Run(ctx, os.Stdout, replay.Options{Address: strings.TrimSuffix(*address, "/"), Key: os.Getenv("WRITE_KEY"), Load: *load})
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "replay:", err)
	}
	if err != nil || wrong > 0 {
		os.Exit(1)
	}
}
