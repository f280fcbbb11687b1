package cli

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sensor-backend/bootstrap/internal/cache"
	"sensor-backend/bootstrap/internal/engine"
	"sensor-backend/bootstrap/internal/preflight"
	"sensor-backend/bootstrap/internal/proc"
	"sensor-backend/bootstrap/internal/runtest"
	"sensor-backend/bootstrap/internal/step"
)

// TestMain lets the test's own program be the launcher.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == launchCommand {
		os.Exit(Main(os.Args[1:], os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

func newApp(t *testing.T, answers map[string]runtest.Answer) (App, *bytes.Buffer, *bytes.Buffer) {
	t.Helper()
	dir := cache.Dir(filepath.Join(t.TempDir(), "it's a cache"))
	if err := dir.Make(); err != nil {
		t.Fatal(err)
	}
	var out, errOut bytes.Buffer
	return App{
		Cache: dir, Exec: &runtest.Fake{Answers: answers}, Self: os.Args[0], Out: &out, ErrOut: &errOut,
		Procs: proc.Manager{Cache: dir, Table: proc.System(), Now: time.Now, Launcher: []string{os.Args[0], launchCommand}},
	}, &out, &errOut
}

func dockerAndDagger() map[string]runtest.Answer {
	return map[string]runtest.Answer{
		"docker": {Stdout: "28.1"}, "dagger": {Stdout: "dagger " + engine.Version + " (docker) linux/amd64"},
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{nil, {"sideways"}, {"up", "now"}, {serveCommand}} {
		app, _, _ := newApp(t, nil)
		if err := app.Run(t.Context(), args); !errors.Is(err, errUsage) {
			t.Errorf("%v: %v, want the usage", args, err)
		}
	}
	app, out, _ := newApp(t, nil)
	if err := app.Run(t.Context(), []string{"help"}); err != nil || !strings.Contains(out.String(), "status") {
		t.Errorf("help: %v, %q", err, out)
	}
}

func TestMainGivesStatus(t *testing.T) {
	t.Parallel()
	var out, errOut bytes.Buffer
	if got := Main([]string{"sideways"}, &out, &errOut); got != 2 || !strings.HasPrefix(errOut.String(), "usage:") {
		t.Errorf("Main = %d, %q", got, &errOut)
	}
}

// With Docker and dagger nothing is to be done, and nothing is.
func TestDockerIsUsed(t *testing.T) {
	t.Parallel()
	for command, want := range map[string]string{"up": "using dagger " + engine.Version + " from PATH with Docker", "build": "using dagger", "status": "nothing else is needed", "env": ""} {
		app, out, errOut := newApp(t, dockerAndDagger())
		if err := app.Run(t.Context(), []string{command}); err != nil {
			t.Errorf("%s: %v", command, err)
		}
		if said := out.String() + errOut.String(); !strings.Contains(said, want) || (want == "" && said != "") {
			t.Errorf("%s said %q, want %q", command, said, want)
		}
		fake, ok := app.Exec.(*runtest.Fake)
		if !ok {
			t.Fatal("not the fake")
		}
		for _, c := range fake.Commands() {
			if c.Name != "docker" && c.Name != "dagger" {
				t.Errorf("%s ran %s", command, c)
			}
		}
	}
}

func TestEnvLineIsForAShell(t *testing.T) {
	t.Parallel()
	app, out, _ := newApp(t, nil)
	rec, err := app.Procs.Start(t.Context(), proc.Spec{Name: engineProcess, Path: "/bin/sleep", Args: []string{"300"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = app.Procs.Stop(engineProcess, time.Second) })
	if err := app.Run(t.Context(), []string{"env"}); err != nil {
		t.Fatal(err)
	}
	script := out.String() + `printf '%s|%s' "$PATH" "$` + engine.RunnerVariable + `"`
	cmd := exec.CommandContext(t.Context(), "/bin/sh", "-c", script)
	cmd.Env = []string{"PATH=/with a space:/bin"}
	got, err := cmd.Output()
	want := app.Cache.Bin() + ":/with a space:/bin|" + engine.Address
	if err != nil || string(got) != want {
		t.Errorf("the shell has %q, %v; want %q (process %d)", got, err, want, rec.ID.PID)
	}
}

func TestDownStopsWhatUpStarted(t *testing.T) {
	t.Parallel()
	app, _, errOut := newApp(t, nil)
	if _, err := app.Procs.Start(t.Context(), proc.Spec{Name: registryProcess, Path: "/bin/sleep", Args: []string{"300"}}); err != nil {
		t.Fatal(err)
	}
	if err := app.Run(t.Context(), []string{"down"}); err != nil {
		t.Fatal(err)
	}
	if want := "engine: was not running\nregistry: stopped\n"; errOut.String() != want {
		t.Errorf("said %q, want %q", errOut, want)
	}
	if _, running := app.Procs.Running(registryProcess); running {
		t.Error("the registry still runs")
	}
}

func TestServeEndsWithItsContext(t *testing.T) {
	t.Parallel()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	root := t.TempDir()
	go func() { done <- serveOn(ctx, listener, root) }()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+listener.Addr().String()+"/v2/", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	if err := response.Body.Close(); err != nil {
		t.Error(err)
	}
	if port := preflight.LookAtPort(t.Context(), listener.Addr().String(), os.Getpid()); !port.Ours {
		t.Errorf("port %+v, want it to be ours", port)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestStepRows(t *testing.T) {
	t.Parallel()
	app, _, _ := newApp(t, nil)
	made := app.Cache.Path("made")
	if err := os.WriteFile(made, make([]byte, 2048), 0o600); err != nil {
		t.Fatal(err)
	}
	rows, err := stepRows(&step.Runner{Cache: app.Cache}, []step.Step{
		{Name: "there", Key: []string{"k"}, About: "v1", Outputs: []string{made}, Files: []string{made, app.Cache.Path("none")}},
		{Name: "gone", Key: []string{"k"}, Outputs: []string{app.Cache.Path("none")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Join(rows[0], "|") + "\n" + strings.Join(rows[1], "|")
	if want := "there|out of date|v1|2.0 kB|\ngone|missing|||"; got != want {
		t.Errorf("rows\n%s\nwant\n%s", got, want)
	}
}
