package gotool

import (
	"io"
	"slices"
	"strings"
	"testing"

	"sensor-backend/bootstrap/internal/runtest"
)

func TestLook(t *testing.T) {
	t.Parallel()
	ex := &runtest.Fake{Answers: map[string]runtest.Answer{
		"go env -json GOVERSION GOROOT GOHOSTARCH": {Stdout: `{"GOVERSION":"go1.26.8","GOROOT":"/usr/local/go","GOHOSTARCH":"arm64"}`},
		"go": {Stdout: `{"GOSUMDB":"off","GOPROXY":"http://proxy.example"}`},
	}}
	got, err := Look(t.Context(), ex)
	if err != nil {
		t.Fatal(err)
	}
	if got.Version != "go1.26.8" || got.Root != "/usr/local/go" || got.Arch != "arm64" {
		t.Errorf("facts %+v", got)
	}
	if want := []string{"GOPROXY=http://proxy.example", "GOSUMDB=off"}; !slices.Equal(got.NetworkEnv(), want) {
		t.Errorf("network %v, want %v", got.NetworkEnv(), want)
	}
}

func TestLookRefusesNonsense(t *testing.T) {
	t.Parallel()
	for _, out := range []string{"", "not json"} {
		if _, err := Look(t.Context(), &runtest.Fake{Answers: map[string]runtest.Answer{"go": {Stdout: out}}}); err == nil {
			t.Errorf("%q is not an error", out)
		}
	}
}

func TestBuildCommand(t *testing.T) {
	t.Parallel()
	ex := &runtest.Fake{Answers: map[string]runtest.Answer{"go": {}}}
	build := Build{
		Dir: "/src", Packages: []string{"./a", "./b"}, Output: "/out/",
		Variables: map[string]string{"x.B": "2", "x.A": "1"}, Env: []string{"GOGC=400"},
	}
	if err := build.Run(t.Context(), ex, io.Discard); err != nil {
		t.Fatal(err)
	}
	c := ex.Commands()[0]
	if want := "go build -trimpath -ldflags -s -w -X x.A=1 -X x.B=2 -o /out/ ./a ./b"; c.String() != want {
		t.Errorf("command %q, want %q", c, want)
	}
	for _, want := range []string{"GOWORK=off", "CGO_ENABLED=0", "GOGC=400"} {
		if !slices.Contains(c.Env, want) {
			t.Errorf("environment %v lacks %s", c.Env, want)
		}
	}
}

func TestDownloadChecksTheHash(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		out  string
		want string
	}{
		"good":          {`{"Dir":"/mod","Sum":"h1:good"}`, ""},
		"changed":       {`{"Dir":"/mod","Sum":"h1:evil"}`, "do not use this copy"},
		"not there":     {`{"Error":"unknown revision"}`, "unknown revision"},
		"not an answer": {`<html>`, "parse"},
	} {
		ex := &runtest.Fake{Answers: map[string]runtest.Answer{"go": {Stdout: c.out}}}
		module, err := Download(t.Context(), ex, "m.example/x", "v1", "h1:good", "m.example/*", io.Discard)
		if (err == nil) != (c.want == "") || (err != nil && !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		if err == nil && module.Dir != "/mod" {
			t.Errorf("%s: directory %q", name, module.Dir)
		}
		if !slices.Contains(ex.Commands()[0].Env, "GONOSUMDB=m.example/*") {
			t.Errorf("%s: environment %v", name, ex.Commands()[0].Env)
		}
	}
}
