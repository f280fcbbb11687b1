// Command bench measures this pipeline beside the plain script that people write for
// the same five stages, classic/deploy.sh: alternately, against the same emulated AWS,
// for one change after another. It prints medians and ratios; what it measured goes to
// a file, one JSON object a line.
//
//	bench [-rounds N] [-only ROW,...] [-emulator URL] [-out FILE]
//
// It needs dagger, and for the script git, go, terraform, aws, jq and zip.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run measures and prints.
func run(ctx context.Context, args []string) (err error) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	rounds := flags.Int("rounds", 5, "how often each change is made")
	only := flags.String("only", "", "rows to measure, separated by commas; by default all")
	address := flags.String("emulator", "", "emulated AWS that runs already, such as http://localhost:4566; by default one is started")
	out := flags.String("out", filepath.Join("results", time.Now().UTC().Format("20060102T150405Z")+".jsonl"), "file for what was measured")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *rounds < 1 {
		return fmt.Errorf("rounds %d: give at least 1", *rounds)
	}
	rows, err := choose(*only)
	if err != nil {
		return err
	}
	if err := tools(exec.LookPath); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if *address == "" {
		var down func()
		if *address, down, err = startEmulator(ctx); err != nil {
			return err
		}
		defer down()
	}
	pipelines, err := prepare(ctx, dir, *address)
	if err != nil {
		return err
	}
	file, err := os.Create(*out)
	if err != nil {
		return fmt.Errorf("keep what is measured: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	measured, err := measure(ctx, pipelines, rows, *rounds, json.NewEncoder(file))
	fmt.Print(table(measured))
	return err
}

// tools says which of the programs that are needed is missing.
func tools(look func(string) (string, error)) error {
	var missing []string
	for _, name := range []string{"dagger", "git", "go", "terraform", "aws", "jq", "zip"} {
		if _, err := look(name); err != nil {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("not on the PATH: %s; on Debian: apt-get install awscli git jq zip", strings.Join(missing, ", "))
	}
	return nil
}
