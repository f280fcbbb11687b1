package engine

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sensor-backend/bootstrap/internal/run"
	"sensor-backend/bootstrap/internal/runtest"
)

func TestAsk(t *testing.T) {
	t.Parallel()
	broken := errors.New("cannot run a process")
	for name, c := range map[string]struct {
		answer runtest.Answer
		want   string
	}{
		"answers":          {runtest.Answer{Stdout: "v0.19.10\n"}, "v0.19.10"},
		"fails":            {runtest.Answer{Err: broken}, ""},
		"names no version": {runtest.Answer{Stdout: "\n"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ex := &runtest.Fake{Answers: map[string]runtest.Answer{"/built/query unix:///engine.sock": c.answer}}
			got, err := Ask(t.Context(), ex, "/built/query", "/built/dagger", "unix:///engine.sock", time.Minute, io.Discard)
			if got != c.want || (err == nil) != (c.want != "") || (c.answer.Err != nil && !errors.Is(err, broken)) {
				t.Errorf("%q, %v; want %q", got, err, c.want)
			}
			// Without the variable, the SDK downloads a client.
			if env := ex.Commands()[0].Env; !slices.Contains(env, clientVariable+"=/built/dagger") {
				t.Errorf("asked with %v", env)
			}
		})
	}
}

// An engine that does not answer leaves a client that waits for it and ignores
// SIGTERM: it ends as well.
func TestAskEndsWithEverythingItStarted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	query, client := filepath.Join(dir, "query"), filepath.Join(dir, "client")
	script := "#!/bin/sh\n(trap '' TERM; exec sleep 300) >/dev/null 2>&1 &\necho $! >" + client + "\nwait\n"
	if err := os.WriteFile(query, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := Ask(t.Context(), run.System{}, query, "dagger", "unix:///engine.sock", time.Second, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "no answer within 1s") {
		t.Errorf("Ask = %v", err)
	}
	content, err := os.ReadFile(client)
	if err != nil {
		t.Fatal(err)
	}
	pid := strings.TrimSpace(string(content))
	for range 100 {
		// An ended process stays as a zombie until its new parent asks for it.
		stat, err := os.ReadFile("/proc/" + pid + "/stat")
		if err != nil || strings.Contains(string(stat), ") Z ") {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("process %s, which the query started, still runs", pid)
}
