//go:build e2e

package e2e

import (
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sensor-backend/e2e/pages"
)

// blocks are the blocks of commands of the README and of the page about gates.
func blocks(t *testing.T) []string {
	t.Helper()
	var found []string
	for _, path := range []string{"README.md", "docs/gates.md"} {
		page, err := pages.Read(os.DirFS(repository(t)), path)
		if err != nil {
			t.Fatal(err)
		}
		before := len(found)
		for _, block := range page.Blocks {
			if block.Commands() {
				found = append(found, strings.TrimSpace(block.Code))
			}
		}
		if len(found) == before {
			t.Fatalf("no blocks of commands in %s: has its form changed?", path)
		}
	}
	return found
}

// shim stands before dagger on the PATH: calls go to the test's emulated AWS, with
// no credentials. The one that brings an emulated AWS up is what the test has
// done already.
const shim = `#!/bin/bash
set -euo pipefail
[ "$*" = "call emulator up" ] && exit 0
[ "$1" = call ] || exec "$DAGGER" --progress=plain "$@"
shift
kept=()
while [ $# -gt 0 ]; do
  case "$1" in
    --emulator|--aws-*) shift 2 ;;
    *) kept+=("$1"); shift ;;
  esac
done
exec "$DAGGER" --progress=plain call --emulator "$EMULATOR" "${kept[@]}"
`

// makeShim stands before make: a target is not run inside itself, but must call
// dagger, whose commands the other blocks are.
const makeShim = `#!/bin/bash
set -euo pipefail
"$MAKE" --dry-run "$@" | grep "dagger call" >&2
`

// readmeBlock is one of the blocks of commands.
type readmeBlock struct {
	commands string
	// run runs them and returns what they printed; they must succeed.
	run func(t *testing.T) string
}

// readme gives the blocks in their order, to be run in one checkout of
// their own, and wants every one of them run.
func readme(t *testing.T, w world) iter.Seq[readmeBlock] {
	t.Helper()
	shims := t.TempDir()
	env := append(os.Environ(), "PATH="+shims+":"+os.Getenv("PATH"), "EMULATOR="+w.args[1])
	for name, script := range map[string]string{"dagger": shim, "make": makeShim} {
		program, err := exec.LookPath(name)
		if err != nil {
			t.Fatal(err)
		}
		env = append(env, strings.ToUpper(name)+"="+program)
		if err := os.WriteFile(filepath.Join(shims, name), []byte(script), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	checkout := newCheckout(t, nil)
	return func(yield func(readmeBlock) bool) {
		for _, commands := range blocks(t) {
			ran := false
			block := readmeBlock{commands, func(t *testing.T) string {
				t.Helper()
				ran = true
				start := time.Now()
				script := strings.ReplaceAll(commands, "localhost:8000", w.balancer)
				cmd := exec.CommandContext(t.Context(), "bash", "-euxo", "pipefail", "-c", script)
				cmd.Dir, cmd.Env = checkout.dir, env
				output, err := cmd.CombinedOutput()
				if err != nil {
					t.Fatalf("%v\n%s\n%s", err, commands, tail(string(output)))
				}
				t.Logf("%s, ran:\n%s", time.Since(start).Round(100*time.Millisecond), commands)
				return string(output)
			}}
			if !yield(block) {
				return
			}
			if !ran {
				t.Errorf("not run:\n%s", commands)
			}
		}
	}
}
