package engine

import (
	"errors"
	"io"
	"slices"
	"testing"

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
			got, err := Ask(t.Context(), ex, "/built/query", "/built/dagger", "unix:///engine.sock", io.Discard)
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
