// Command query asks a running engine, by Dagger's own SDK, for its version and has
// it run a process: a socket that listens does not show that the engine works.
//
//	_EXPERIMENTAL_DAGGER_CLI_BIN=dagger query unix:///run/dagger/engine.sock
//
// Who calls it limits its time, by a signal to its process group: Dagger's SDK waits
// minutes for its client whatever the context says, and the client outlives it.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"

	"dagger.io/dagger"
)

// echoCommand has the program print its other argument: it is the process that the
// engine runs, so that no image is needed.
const echoCommand = "echo"

func main() {
	output, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(output)
}

func run(args []string) (string, error) {
	switch {
	case len(args) == 1:
		return ask(context.Background(), args[0])
	case len(args) == 2 && args[0] == echoCommand:
		return args[1], nil
	default:
		return "", errors.New("give the engine's address, such as unix:///run/dagger/engine.sock")
	}
}

// ask returns the version of the engine at an address, once it has run a process.
func ask(ctx context.Context, address string) (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find this program's file: %w", err)
	}
	client, err := dagger.Connect(ctx, dagger.WithRunnerHost(address))
	if err != nil {
		return "", fmt.Errorf("connect to the engine at %s: %w", address, err)
	}
	defer func() { _ = client.Close() }()
	version, err := client.Version(ctx)
	if err != nil {
		return "", fmt.Errorf("ask the engine at %s for its version: %w", address, err)
	}
	// The engine answers a process that it ran before from its cache; it has not run
	// this one.
	const program = "/query"
	want := rand.Text()
	got, err := client.Container().WithFile(program, client.Host().File(self)).
		WithExec([]string{program, echoCommand, want}).Stdout(ctx)
	switch {
	case err != nil:
		return "", fmt.Errorf("the engine at %s is %s and cannot run a process: %w", address, version, err)
	case got != want+"\n":
		return "", fmt.Errorf("the engine at %s ran a process that should print %q and returns %q", address, want, got)
	}
	return version, nil
}
