package rootfs

import (
	"io"
	"slices"
	"testing"

	"sensor-backend/bootstrap/internal/runtest"
)

func TestArgs(t *testing.T) {
	t.Parallel()
	spec := Spec{
		Suite: "sid", Packages: []string{"a", "b"},
		Sources:        []string{"deb http://m.example/debian sid main"},
		Settings:       []string{`Acquire::Check-Valid-Until "false";`},
		EssentialHooks: []string{"one"}, CustomizeHooks: []string{"two"},
	}
	args := spec.Args("/out.tar")
	for _, want := range []string{
		"--variant=minbase", "--include=a,b", `--aptopt=Acquire::Check-Valid-Until "false";`,
		"--essential-hook=one", "--customize-hook=two",
	} {
		if !slices.Contains(args, want) {
			t.Errorf("%v lacks %s", args, want)
		}
	}
	if tail := args[len(args)-3:]; !slices.Equal(tail, []string{"sid", "/out.tar", "deb http://m.example/debian sid main"}) {
		t.Errorf("ends in %v", tail)
	}
}

func TestKeyIgnoresThePlaceOnly(t *testing.T) {
	t.Parallel()
	a, b := Spec{Suite: "sid"}, Spec{Suite: "sid", CustomizeHooks: []string{"x"}}
	if !slices.Equal(a.Key(), a.Args("")) || slices.Equal(a.Key(), b.Key()) {
		t.Error("the key does not follow the content")
	}
}

func TestMake(t *testing.T) {
	t.Parallel()
	ex := &runtest.Fake{Answers: map[string]runtest.Answer{"mmdebstrap": {}}}
	if err := (Spec{Suite: "sid"}).Make(t.Context(), ex, "/x.tar", io.Discard); err != nil {
		t.Fatal(err)
	}
	if c := ex.Commands()[0]; !slices.Contains(c.Args, "/x.tar") || !slices.Contains(c.Env, "DEBIAN_FRONTEND=noninteractive") || !slices.Contains(c.Env, systemPath) {
		t.Errorf("ran %s with %v", c, c.Env)
	}
}
