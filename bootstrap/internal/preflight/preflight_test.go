package preflight

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"sensor-backend/bootstrap/internal/engine"
	"sensor-backend/bootstrap/internal/registry"
	"sensor-backend/bootstrap/internal/runtest"
)

func TestChooseMode(t *testing.T) {
	t.Parallel()
	const newer, older = "v1.0.0-beta.10", "v0.19.9"
	for name, c := range map[string]struct {
		tools Tools
		want  Mode
		why   string
		err   error
	}{
		"Docker and dagger":           {Tools{Runtime: "Docker", Dagger: engine.Version}, UseInstalled, "using dagger " + engine.Version + " from PATH with Docker", nil},
		"the same as root":            {Tools{Root: true, Runtime: "Docker", Dagger: engine.Version}, UseInstalled, "using dagger", nil},
		"a newer dagger":              {Tools{Root: true, Runtime: "Docker", Dagger: newer}, UseInstalled, newer, nil},
		"Podman":                      {Tools{Runtime: "Podman", Dagger: newer}, UseInstalled, "with Podman", nil},
		"a runner":                    {Tools{Runner: "tcp://engine:1234", Dagger: newer}, UseInstalled, "with the engine at tcp://engine:1234", nil},
		"a runner, no dagger":         {Tools{Root: true, Runner: "tcp://engine:1234"}, ClientOnly, "no dagger is on PATH, and the engine at tcp://engine:1234 runs", nil},
		"Docker, an older dagger":     {Tools{Runtime: "Docker", Dagger: older}, ClientOnly, "dagger " + older + " on PATH is older than", nil},
		"Docker, a dagger of its own": {Tools{Runtime: "Docker", Dagger: "devel"}, ClientOnly, "devel", nil},
		"Docker, no dagger":           {Tools{Runtime: "Docker"}, ClientOnly, "no dagger is on PATH, and Docker runs", nil},
		"root, Docker, no dagger":     {Tools{Root: true, Runtime: "Docker"}, ClientOnly, "Docker runs the engine", nil},
		"root, dagger, no Docker":     {Tools{Root: true, Dagger: engine.Version}, Full, "neither Docker nor Podman answers", nil},
		"root only":                   {Tools{Root: true}, Full, "building an engine", nil},
		"nothing":                     {Tools{}, 0, "", ErrNotRoot},
		"dagger, no Docker, no root":  {Tools{Dagger: engine.Version}, 0, "", ErrNotRoot},
	} {
		got, why, err := ChooseMode(c.tools)
		if got != c.want || !errors.Is(err, c.err) || !strings.Contains(why, c.why) {
			t.Errorf("%s: %d, %q, %v; want %d, %q, %v", name, got, why, err, c.want, c.why, c.err)
		}
	}
}

func TestLookForTools(t *testing.T) {
	t.Parallel()
	client := runtest.Answer{Stdout: "dagger v0.19.10 (x) linux/amd64"}
	down := runtest.Answer{Stdout: "\n", Err: errors.New("cannot connect")}
	for name, c := range map[string]struct {
		answers map[string]runtest.Answer
		runner  string
		want    Tools
	}{
		"none":                      {nil, "", Tools{}},
		"a client without a daemon": {map[string]runtest.Answer{"docker": down, "dagger": client}, "", Tools{}},
		"both":                      {map[string]runtest.Answer{"docker": {Stdout: "28.1\n"}, "dagger": client}, "", Tools{Runtime: "Docker", Dagger: "v0.19.10"}},
		"Podman":                    {map[string]runtest.Answer{"docker": down, "podman": {Stdout: "5.0\n"}, "dagger": client}, "", Tools{Runtime: "Podman", Dagger: "v0.19.10"}},
		"a runner":                  {map[string]runtest.Answer{"dagger": client}, "tcp://engine:1234", Tools{Runner: "tcp://engine:1234", Dagger: "v0.19.10"}},
		"the bootstrap's own":       {map[string]runtest.Answer{"dagger": client}, engine.Address, Tools{}},
	} {
		got := LookForTools(t.Context(), &runtest.Fake{Answers: c.answers}, c.runner)
		got.Root = false
		if got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

func FuzzDaggerVersion(f *testing.F) {
	f.Add("dagger v0.19.10 (x) linux/amd64")
	f.Add("")
	f.Fuzz(func(t *testing.T, out string) {
		if strings.ContainsAny(DaggerVersion(out), " \n\t") {
			t.Error("a version with a space in it")
		}
	})
}

func TestDisk(t *testing.T) {
	t.Parallel()
	if err := Disk(NeedFree, "/c"); err != nil {
		t.Errorf("just enough: %v", err)
	}
	err := Disk(NeedFree-1, "/c")
	for _, word := range []string{"/c", "15 GB", "XDG_CACHE_HOME"} {
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("too little: %v; want %s in it", err, word)
		}
	}
}

func TestFreeOfWhatDoesNotExistYet(t *testing.T) {
	t.Parallel()
	free, err := Free(filepath.Join(t.TempDir(), "not", "yet"))
	if err != nil || free == 0 {
		t.Errorf("Free = %d, %v", free, err)
	}
}

func TestPort(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	ours := httptest.NewServer(registry.Handler(root, 7))
	t.Cleanup(ours.Close)
	other := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(other.Close)
	mute, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			conn, err := mute.Accept()
			if err != nil {
				return
			}
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() { _ = mute.Close() })
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	for name, c := range map[string]struct {
		address string
		ours    int
		want    Port
		refused string
	}{
		"free":                    {address(gone), 7, Port{}, ""},
		"ours":                    {address(ours), 7, Port{Taken: true, Ours: true}, ""},
		"another cache's":         {address(ours), 0, Port{Taken: true, Registry: "7"}, "image registry (process 7)"},
		"a web server":            {address(other), 7, Port{Taken: true}, "another program"},
		"something without words": {mute.Addr().String(), 7, Port{Taken: true}, "another program"},
	} {
		got := LookAtPort(t.Context(), c.address, c.ours)
		if got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
		err := CheckPort(got, c.address)
		if (err != nil) != (c.refused != "") {
			t.Errorf("%s: CheckPort = %v", name, err)
		}
		if err != nil && (!strings.Contains(err.Error(), c.address+" is taken") || !strings.Contains(err.Error(), c.refused)) {
			t.Errorf("%s: error %q, want the address and %q", name, err, c.refused)
		}
	}
}

func address(server *httptest.Server) string { return strings.TrimPrefix(server.URL, "http://") }

func TestCheckEngine(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		found Engine
		want  string
	}{
		"none":            {Engine{}, ""},
		"ours":            {Engine{Listening: true, PID: 7, Version: engine.Version, Ours: true}, ""},
		"another version": {Engine{Listening: true, PID: 7, Version: "v0.18.2"}, "an engine v0.18.2 (process 7)"},
		"a stranger":      {Engine{Listening: true, PID: 7, Version: engine.Version}, "not started from here"},
		"unknown":         {Engine{Listening: true, PID: 7}, "unknown version"},
	} {
		err := CheckEngine(c.found)
		if (err == nil) != (c.want == "") || (err != nil && !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestLookAtEngine(t *testing.T) {
	t.Parallel()
	socket := filepath.Join(t.TempDir(), "engine.sock")
	ex := &runtest.Fake{Answers: map[string]runtest.Answer{}}
	if found, err := LookAtEngine(t.Context(), ex, socket, 0); err != nil || found.Listening {
		t.Errorf("no socket: %+v, %v", found, err)
	}
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	found, err := LookAtEngine(t.Context(), ex, socket, 0)
	if err != nil || !found.Listening || found.Ours || found.Version != "" || found.PID == 0 {
		t.Errorf("a stranger: %+v, %v", found, err)
	}
	if found, err := LookAtEngine(t.Context(), ex, socket, found.PID); err != nil || !found.Ours {
		t.Errorf("ours: %+v, %v", found, err)
	}
	if unix, ok := listener.(*net.UnixListener); ok {
		unix.SetUnlinkOnClose(false)
	}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	if found, err := LookAtEngine(t.Context(), ex, socket, 0); err != nil || found.Listening {
		t.Errorf("a socket that was left behind: %+v, %v", found, err)
	}
}

func TestReachPackages(t *testing.T) {
	t.Parallel()
	mirror := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/debian/dists/bookworm/InRelease" {
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	t.Cleanup(mirror.Close)
	if err := ReachPackages(t.Context(), mirror.URL+"/debian/", "bookworm"); err != nil {
		t.Errorf("a good mirror: %v", err)
	}
	if err := ReachPackages(t.Context(), mirror.URL+"/debian", "sarge"); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("a mirror without the release: %v", err)
	}
	mirror.Close()
	if err := ReachPackages(t.Context(), mirror.URL, "bookworm"); err == nil || !strings.HasPrefix(err.Error(), "no network to the Debian packages") {
		t.Errorf("no mirror: %v", err)
	}
}

func TestReachModules(t *testing.T) {
	t.Parallel()
	if err := ReachModules(t.Context(), &runtest.Fake{Answers: map[string]runtest.Answer{"go": {}}}); err != nil {
		t.Errorf("reachable: %v", err)
	}
	offline := &runtest.Fake{Answers: map[string]runtest.Answer{"go": {Err: context.DeadlineExceeded}}}
	if err := ReachModules(t.Context(), offline); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "proxy settings") {
		t.Errorf("unreachable: %v", err)
	}
}
