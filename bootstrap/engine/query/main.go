// Command query asks a running engine over its API, by Dagger's own SDK, and prints
// its version: a socket that listens says nothing of whether the engine works.
//
//	_EXPERIMENTAL_DAGGER_CLI_BIN=dagger query unix:///run/dagger/engine.sock
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"dagger.io/dagger"
)

// limit is how long an engine may take to answer, its start included.
const limit = time.Minute

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "give the engine's address, such as unix:///run/dagger/engine.sock")
		os.Exit(2)
	}
	version, err := ask(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(version)
}

// ask has the engine at an address say its version and do something.
func ask(address string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	client, err := dagger.Connect(ctx, dagger.WithRunnerHost(address), dagger.WithLogOutput(os.Stderr))
	if err != nil {
		return "", fmt.Errorf("connect to the engine at %s: %w", address, err)
	}
	defer func() { _ = client.Close() }()
	version, err := client.Version(ctx)
	if err != nil {
		return "", fmt.Errorf("ask the engine at %s for its version: %w", address, err)
	}
	const name, content = "ready", "yes"
	got, err := client.Directory().WithNewFile(name, content).File(name).Contents(ctx)
	switch {
	case err != nil:
		return "", fmt.Errorf("the engine at %s answers and does not work: %w", address, err)
	case got != content:
		return "", fmt.Errorf("the engine at %s was given %q and reads back %q", address, content, got)
	}
	return version, nil
}
