package cli

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"sensor-backend/bootstrap/internal/engine"
	"sensor-backend/bootstrap/internal/plan"
	"sensor-backend/bootstrap/internal/proc"
	"sensor-backend/bootstrap/internal/runtest"
)

// asking is an app whose engine, a process that does nothing, gives an answer.
func asking(t *testing.T, answer runtest.Answer) (App, plan.Plan) {
	t.Helper()
	app, _, _ := newApp(t, nil)
	p := plan.Plan{Cache: app.Cache}
	app.Exec = &runtest.Fake{Answers: map[string]runtest.Answer{p.Query(): answer}}
	if _, err := app.Procs.Start(t.Context(), proc.Spec{Name: engineProcess, Path: "/bin/sleep", Args: []string{"300"}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = app.Procs.Stop(engineProcess, time.Second) })
	for path, content := range map[string]string{app.Procs.LogPath(engineProcess): "no space left\n", p.Query(): "built"} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return app, p
}

func TestEngineIsReadyWhenItAnswers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer runtest.Answer
		state  string
		// says is in the error of ready and in the row of status.
		says, row string
	}{
		"answers":         {answer: runtest.Answer{Stdout: engine.Version}, state: "running", row: engine.Version + " at unix://"},
		"another version": {answer: runtest.Answer{Stdout: "v0.1.0"}, state: "running", says: "v0.1.0 and should be " + engine.Version, row: "v0.1.0 at unix://"},
		"hangs":           {answer: runtest.Answer{Err: errors.New("timed out")}, state: "not answering", says: "timed out", row: "timed out"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			app, p := asking(t, c.answer)
			err := app.ready(t.Context(), p, io.Discard)
			if (err == nil) != (c.says == "") {
				t.Fatalf("ready: %v", err)
			}
			if err != nil {
				for _, want := range []string{c.says, "no space left", app.Procs.LogPath(engineProcess), "bootstrap down && go run"} {
					if !strings.Contains(err.Error(), want) {
						t.Errorf("the error does not say %q:\n%v", want, err)
					}
				}
			}
			row := app.processRow(t.Context(), p, engineProcess, engine.Address)
			if row[1] != c.state || !strings.Contains(row[2], c.row) {
				t.Errorf("status says %q, want %q and %q", row, c.state, c.row)
			}
		})
	}
}

func TestStatusBeforeTheCheckIsBuilt(t *testing.T) {
	t.Parallel()
	app, p := asking(t, runtest.Answer{Err: errors.New("must not be asked")})
	if err := os.Remove(p.Query()); err != nil {
		t.Fatal(err)
	}
	row := app.processRow(t.Context(), p, engineProcess, engine.Address)
	if row[1] != "running" || !strings.Contains(row[2], "not asked") {
		t.Errorf("status says %q", row)
	}
}
