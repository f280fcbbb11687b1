package content

import (
	"testing"
	"testing/fstest"
)

func hashOf(t *testing.T, m fstest.MapFS, recipe Recipe) string {
	t.Helper()
	in, err := Find(m, recipe.Package)
	if err != nil {
		t.Fatal(err)
	}
	sum, err := in.Hash(m, recipe)
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

// TestHashFollowsContent changes each kind of input, which has to give another hash,
// and things that no program is built from, which must not.
func TestHashFollowsContent(t *testing.T) {
	t.Parallel()
	recipe := API("arm64")
	recipe.Package = "cmd/one"
	before := hashOf(t, sample(), recipe)
	set := func(name, text string) func(fstest.MapFS, *Recipe) {
		return func(m fstest.MapFS, _ *Recipe) { m[name] = &fstest.MapFile{Data: []byte(text)} }
	}
	remove := func(name string) func(fstest.MapFS, *Recipe) {
		return func(m fstest.MapFS, _ *Recipe) { delete(m, name) }
	}
	built := func(change func(*Recipe)) func(fstest.MapFS, *Recipe) {
		return func(_ fstest.MapFS, r *Recipe) { change(r) }
	}
	for name, c := range map[string]struct {
		change func(fstest.MapFS, *Recipe)
		counts bool
	}{
		"its own source":               {set("cmd/one/main.go", string(sample()["cmd/one/main.go"].Data)+"// x\n"), true},
		"a package that it imports":    {set("internal/b/b.go", "package b\n\nvar X = 1\n"), true},
		"a new file of such a package": {set("internal/b/more.go", "package b\n"), true},
		"a file removed":               {remove("internal/b/asm_arm64.s"), true},
		"a file renamed": {func(m fstest.MapFS, _ *Recipe) {
			m["internal/b/c.go"] = m["internal/b/b.go"]
			delete(m, "internal/b/b.go")
		}, true},
		"a package's assembler":          {set("internal/b/asm_arm64.s", "TEXT 2"), true},
		"an embedded file":               {set("internal/a/a.json", "[]"), true},
		"an embedded file in a tree":     {set("internal/a/page/deep/x.css", "a{}"), true},
		"a new embedded file":            {set("internal/a/page/new.js", "x"), true},
		"an embedded file removed":       {remove("internal/a/page/deep/x.css"), true},
		"a hidden file embedded by all:": {set("internal/a/raw/.hidden", "y"), true},
		"a module's version":             {set("go.mod", "module example.com/m\n\ngo 1.26.0\n\nrequire example.com/other v1.0.1\n"), true},
		"a module's sum":                 {set("go.sum", "example.com/other v1.0.0 h1:b\n"), true},
		"the language's version":         {set("go.mod", "module example.com/m\n\ngo 1.26.1\n\nrequire example.com/other v1.0.0\n"), true},
		"the profile":                    {set("cmd/one/default.pgo", "other"), true},
		"the toolchain":                  {built(func(r *Recipe) { r.Toolchain = "go1.26.9" }), true},
		"a build tag":                    {built(func(r *Recipe) { r.Tags = "" }), true},
		"a build flag":                   {built(func(r *Recipe) { r.Flags = append(r.Flags, "-race") }), true},
		"the linker's flags":             {built(func(r *Recipe) { r.Linker = "-s" }), true},
		"the compiler's environment":     {built(func(r *Recipe) { r.Environment["CGO_ENABLED"] = "1" }), true},
		"the architecture":               {built(func(r *Recipe) { r.Architecture = "amd64" }), true},
		"the base image":                 {built(func(r *Recipe) { r.Base = "gcr.io/distroless/static" }), true},
		"the image's user":               {built(func(r *Recipe) { r.User = "0" }), true},
		"the image's port":               {built(func(r *Recipe) { r.Port = 80 }), true},

		"a test":                            {set("internal/b/b_test.go", "package b\n"), false},
		"a test's data":                     {set("internal/b/testdata/data.go", "package other\n"), false},
		"a package that only tests import":  {set("internal/tested/tested.go", "package tested\n\nvar X = 1\n"), false},
		"another program":                   {set("cmd/two/main.go", "package main\n\nfunc main() { println() }\n"), false},
		"another program's package":         {set("internal/c/c.go", "package c\n\nvar X = 1\n"), false},
		"a readme":                          {set("README.md", "more\n"), false},
		"a text beside the source":          {set("cmd/one/notes.txt", "more"), false},
		"a picture":                         {set("docs/page.png", "other"), false},
		"a hidden file in an embedded tree": {set("internal/a/page/.hidden", "y"), false},
		"a file beside an embedded tree":    {set("internal/a/other/y.json", "[]"), false},
		"a draft":                           {set("internal/b/_draft.go", "package other\n"), false},
	} {
		m, r := sample(), API("arm64")
		r.Package = recipe.Package
		c.change(m, &r)
		if after := hashOf(t, m, r); (after != before) != c.counts {
			t.Errorf("%s: the hash changed: %t, want %t", name, after != before, c.counts)
		}
	}
}
