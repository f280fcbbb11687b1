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
	for name, c := range map[string]struct {
		tools Tools
		want  Mode
		err   error
	}{
		"Docker and dagger":          {Tools{Docker: true, Dagger: engine.Version}, UseDocker, nil},
		"the same as root":           {Tools{Root: true, Docker: true, Dagger: engine.Version}, UseDocker, nil},
		"Docker, another dagger":     {Tools{Docker: true, Dagger: "v0.18.0"}, ClientOnly, nil},
		"Docker, no dagger":          {Tools{Docker: true}, ClientOnly, nil},
		"root, Docker, no dagger":    {Tools{Root: true, Docker: true}, Full, nil},
		"root, dagger, no Docker":    {Tools{Root: true, Dagger: engine.Version}, Full, nil},
		"root only":                  {Tools{Root: true}, Full, nil},
		"nothing":                    {Tools{}, 0, ErrNotRoot},
		"dagger, no Docker, no root": {Tools{Dagger: engine.Version}, 0, ErrNotRoot},
	} {
		if got, err := ChooseMode(c.tools); got != c.want || !errors.Is(err, c.err) {
			t.Errorf("%s: %d, %v; want %d, %v", name, got, err, c.want, c.err)
		}
	}
}

func TestLookForTools(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answers map[string]runtest.Answer
		docker  bool
		dagger  string
	}{
		"none": {nil, false, ""},
		"a client without a daemon": {map[string]runtest.Answer{
			"docker": {Stdout: "\n", Err: errors.New("cannot connect")},
			"dagger": {Stdout: "dagger v0.19.10 (x) linux/amd64"},
		}, false, ""},
		"both": {map[string]runtest.Answer{
			"docker": {Stdout: "28.1\n"},
			"dagger": {Stdout: "dagger v0.19.10 (docker-image://x) linux/amd64\n"},
		}, true, "v0.19.10"},
	} {
		got := LookForTools(t.Context(), &runtest.Fake{Answers: c.answers})
		if got.Docker != c.docker || got.Dagger != c.dagger {
			t.Errorf("%s: %+v", name, got)
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
