package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestRun(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		args     []string
		want, no string
	}{
		"the process that the engine runs": {args: []string{echoCommand, "x"}, want: "x"},
		"no address":                       {no: "give the engine's address"},
		"too much":                         {args: []string{"a", "b"}, no: "give the engine's address"},
		"no client":                        {args: []string{"nonsense"}, no: "connect to the engine at nonsense"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := run(c.args)
			if got != c.want || (err == nil) != (c.no == "") || (err != nil && !strings.Contains(err.Error(), c.no)) {
				t.Errorf("%q, %v; want %q, %q", got, err, c.want, c.no)
			}
		})
	}
}

// A client that connects to nothing must not hold the check up for the minutes that
// Dagger's SDK would wait for it.
func TestLimitHoldsForASilentEngine(t *testing.T) {
	client := filepath.Join(t.TempDir(), "dagger")
	if err := os.WriteFile(client, []byte("#!/bin/sh\nexec cat\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("_EXPERIMENTAL_DAGGER_CLI_BIN", client)
	_, err := askWithin(200*time.Millisecond, "unix:///engine.sock")
	if err == nil || !strings.Contains(err.Error(), "unix:///engine.sock did not answer") {
		t.Errorf("askWithin = %v", err)
	}
}
