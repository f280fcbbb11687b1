package pages

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// moduleText is a module with one function of each kind.
const moduleText = `package main

import (
	"context"

	"dagger/x/internal/dagger"
)

type Pipeline struct {
	// +private
	Hidden string
}

type Run struct {
	Report *dagger.Directory
}

func New(
	// Key.
	// +optional
	awsAccessKeyID *dagger.Secret,
	// Region.
	// +default="here"
	awsRegion string,
) (*Pipeline, error) { return nil, nil }

// Unlock releases.
func (m *Pipeline) Unlock(
	ctx context.Context,
	// The lock.
	id string,
	// Twice.
	// +default=2
	times int,
	// By force.
	// +optional
	force bool,
) (string, error) { return "", nil }

// Build builds.
func (m *Pipeline) Build() *dagger.Container { return nil }

// Run runs.
func (m *Pipeline) Run() (*Run, error) { return nil, nil }

// Test tests.
//
// +check
func (m *Pipeline) Test() error { return nil }

// Gates gives gates.
func (m *Pipeline) Gates() *Gates { return nil }

type Gates struct{}

// Lint lints.
//
// +check
func (g *Gates) Lint() error { return nil }

func (m *Pipeline) unexported() {}
`

func repository(t testing.TB, page string) (*Repository, Page) {
	t.Helper()
	files := fstest.MapFS{
		"Makefile":            {Data: []byte("x := 1\n.PHONY: deploy\ndeploy: engine ## Deploy\nengine:\n")},
		"ci/main.go":          {Data: []byte(moduleText)},
		"ci/main_test.go":     {Data: []byte("package main\n")},
		"ci/text/text.go":     {Data: []byte("package text\n")},
		"ci/text/t_test.go":   {Data: []byte("package text\n\nfunc TestClip(t *testing.T) {}\nfunc FuzzClip(f *testing.F) {}\n")},
		"docs/page.md":        {Data: []byte(page)},
		"docs/other.md":       {Data: []byte("# The other\n\n## A & b: `c`?\n\n## The other\n")},
		"infra/env/dev.vars":  {Data: []byte("a\nb\n")},
		"ci/pipeline/one.go":  {Data: []byte("package pipeline\n")},
		"ci/pipeline.go.note": {Data: []byte("x")},
	}
	r, err := Open(files)
	if err != nil {
		t.Fatal(err)
	}
	p, err := Read(files, "docs/page.md")
	if err != nil {
		t.Fatal(err)
	}
	return r, p
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, page string
		// want are the findings; none for a page that is right.
		want []string
	}{
		{"links", "# Top\n[a](other.md) [b](other.md#the-other-1) [c](#top) ![d](../infra/env/dev.vars#L2) [e](https://x.example/#y) [f](..) [g](other.md#a--b-c)", nil},
		{"a file that moved", "x\n\n[a](../infra/one.go)", []string{`docs/page.md:3: the link ../infra/one.go leads nowhere: there is no file "infra/one.go"; the nearest is "ci/pipeline/one.go"`}},
		{"a heading", "[a](other.md#the-otter)", []string{`docs/page.md:1: the link other.md#the-otter leads nowhere: there is no heading "the-otter"; the nearest is "the-other"`}},
		{"a line", "[a](../infra/env/dev.vars#L3)", []string{"docs/page.md:1: the link ../infra/env/dev.vars#L3 leads behind the last line, 2"}},
		{"a scheme", "[a](http://x.example)", []string{"docs/page.md:1: the link http://x.example is neither https nor a file of the repository"}},
		{"calls", "```\nflags=\"--aws-region here\n  --aws-access-key-id env://X\"\ndagger call $flags unlock --id=\"$ID\" --force\ndagger call build export --path x\ndagger call run report export --path=report | cat\ndagger check test 'gates*' && dagger check -l\ndagger call unlock --help\n```\n", nil},
		{"a function", "a\n\n```sh\ntrue\ndagger call unlok --id 1\n```\n", []string{`docs/page.md:5: there is no function "unlok"; the nearest is "unlock"`}},
		{"an argument", "`dagger call unlock --lock 1`", []string{`docs/page.md:1: there is no argument "--lock"; the nearest is "--force" of unlock`}},
		{"a missing argument", "```\ndagger call unlock\n```", []string{"docs/page.md:2: --id of unlock is missing"}},
		{"a missing value", "```\ndagger call unlock --id\n```", []string{"docs/page.md:2: --id of unlock has no value"}},
		{"a number", "`unlock --times many`", []string{`docs/page.md:1: --times takes int, not "many"`}},
		{"behind a value", "`dagger call unlock --id 1 export`", []string{`docs/page.md:1: unlock returns a value, so that "export" cannot follow`}},
		{"a check", "`dagger check gates:lynt`", []string{`docs/page.md:1: there is no check "gates:lynt"; the nearest is "gates:lint"`}},
		{"a flag alone", "`--force` `--forse`", []string{`docs/page.md:1: there is no argument "--forse"; the nearest is "--force"`}},
		{"a verb", "`dagger cal test`", []string{`docs/page.md:1: there is no command of dagger "cal"; the nearest is "call"`}},
		{"make", "`make deploy` `make X=1 -n deploi`", []string{`docs/page.md:1: there is no target of make "deploi"; the nearest is "deploy"`}},
		{"go", "```\ncd ci && GOWORK=off go test -run Clip -count=1 ./text\ngo test ./...\n```\n`go -C ci run ./text --help`", nil},
		{"a package", "`go run ./ci/texts`", []string{`docs/page.md:1: go run ./ci/texts in .: there is no file "ci/texts"; the nearest is "ci/text"`}},
		{"a test", "`go test -run Clap ./ci/text`, `TestClap`", []string{
			`docs/page.md:1: -run chooses nothing: there is no test "Clap"; the nearest is "FuzzClip"`,
			`docs/page.md:1: there is no test "TestClap"; the nearest is "TestClip"`,
		}},
		{"paths", "`ci/text`, `env/dev.vars`, `runs/x/y.json`, `infra/env/NAME.vars`, `ci/text/...`, `infra/env/*.vars`, `ci/text/nothing.go`", []string{
			`docs/page.md:1: there is no file "ci/text/nothing.go"; the nearest is "ci/text/t_test.go"`,
		}},
		{"bash", "```\nif\n```", []string{"docs/page.md:2: this is not bash"}},
		{"a drawing, another language", "```\n┌─ dagger call nothing\n```\n```yaml\ndagger call nothing\n```\n", nil},
		{"a variable", "```\ndagger call unlock --id $ID\n```", []string{"docs/page.md:2: --id of unlock has no value"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r, p := repository(t, c.page)
			var got []string
			for _, f := range r.Check(p) {
				got = append(got, f.String())
			}
			if !slices.EqualFunc(got, c.want, strings.HasPrefix) {
				t.Errorf("it finds\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
		})
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	p := Parse("a.md", []byte("# One\n\n| A | B |\n|---|---|\n| `x` | y [z](q) |\n\n## Two\n\n```text\nseen\n```\n"))
	if want := (Block{Line: 10, Language: "text", Code: "seen\n", Section: "two"}); len(p.Blocks) != 1 || p.Blocks[0] != want {
		t.Errorf("blocks %+v, want %+v", p.Blocks, want)
	}
	if len(p.Tables) != 2 || p.Tables[1].Line != 5 || p.Tables[1].Section != "one" || !slices.Equal(p.Tables[1].Cells, []string{"x", "y z"}) {
		t.Errorf("tables %+v", p.Tables)
	}
}

func TestNearest(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, want string }{{"statsu", "status"}, {"log", "logs"}, {"", "logs"}, {"roll-back", "rollback"}} {
		if got := nearest(c.name, []string{"rollback", "status", "logs"}); got != c.want {
			t.Errorf("nearest(%q) = %q, want %q", c.name, got, c.want)
		}
	}
	if got := nearest("x", nil); got != "" {
		t.Errorf("the nearest of none is %q", got)
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		files fstest.MapFS
		want  string
	}{
		{"no Makefile", fstest.MapFS{"a.md": {}}, "Makefile"},
		{"no target", fstest.MapFS{"Makefile": {Data: []byte("x := 1\n")}}, "no target"},
		{"no module", fstest.MapFS{"Makefile": {Data: []byte("a:\n")}, "ci/a.go": {Data: []byte("package main\n")}}, "no function New"},
		{"no Go", fstest.MapFS{"Makefile": {Data: []byte("a:\n")}, "ci/a.go": {Data: []byte("x")}}, "read the module"},
	} {
		if _, err := Open(c.files); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

// FuzzCheck wants any page to be read, and every finding to name a line of it.
func FuzzCheck(f *testing.F) {
	f.Add("# A\n[b](c#d) `dagger call x --y`\n```\ncd a; go test -run '(' ./b\n```\n|a|\n|-|\n|b|\n")
	f.Add("`make -- x=` `--` ``` `` ` $( ` `go -C` `cd`")
	f.Fuzz(func(t *testing.T, page string) {
		r, _ := repository(t, "")
		for _, found := range r.Check(Parse("docs/page.md", []byte(page))) {
			if lines := 1 + strings.Count(page, "\n"); found.Line < 0 || found.Line > lines+1 || found.What == "" {
				t.Errorf("%+v of a page of %d lines", found, lines)
			}
		}
	})
}

func TestMessagesFinds(t *testing.T) {
	t.Parallel()
	dir := fstest.MapFS{"main.go": {Data: []byte(moduleText + "\nvar a, b = \"give --idd or --id\", \"x && y --z\"\n")}}
	m, err := ReadModule(dir)
	if err != nil {
		t.Fatal(err)
	}
	found, err := Messages(dir, m)
	if err != nil || len(found) != 1 || !strings.Contains(found[0].What, `"--idd"; the nearest is "--id"`) {
		t.Errorf("%v, %v", found, err)
	}
}

func TestCompareSettings(t *testing.T) {
	t.Parallel()
	read, err := Settings(fstest.MapFS{
		"a.yml": {Data: []byte("x: ${{ vars.REGION || 'x' }} ${{ vars.REGION }} ${{ vars.PLACE || 'here' }} ${{ secrets.KEY }} ${{ secrets.GITHUB_TOKEN }}\n")},
		"b.yml": {Data: []byte("x: ${{ vars.REGION }} ${{ vars.ROLE }}\n")},
	})
	if err != nil || len(read) != 4 {
		t.Fatalf("%v, %v", read, err)
	}
	p := Parse("ci.md", []byte("## All\n\n| Name | Kind | Read by |\n|-|-|-|\n| `REGION` | variable | b, a | x |\n| `KEY` | variable | a |\n| `ROLES` | variable | b |\n| PLACE | variable | a |\n\n## Other\n\n| Name | Kind | Read by |\n|-|-|-|\n| X | y | z |\n"))
	var got []string
	for _, f := range Compare(p, "all", read) {
		got = append(got, f.String())
	}
	want := []string{
		"ci.md:6: KEY is a secret of a, not a variable of a",
		`ci.md:7: no workflow reads it: there is no setting "ROLES"; the nearest is "ROLE"`,
		`ci.md:8: the table lacks ROLE, a variable of b`,
		`ci.md:8: without PLACE the workflows take "here", which the row's last cell does not say`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("it finds\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestSteps(t *testing.T) {
	t.Parallel()
	p := Parse("a.md", []byte("# A\n\n```text\nnobody's\n```\n\n```\necho 1\n```\n\n```text\none … is two\n\nexit code 3\n```\n\n## B\n\n```\necho 2\n```\n\n## C\n\n```text\nof another section\n```\n"))
	steps := p.Steps()
	if len(steps) != 2 || steps[0].Section != "a" || steps[0].Line != 8 || steps[0].Code != 3 || !slices.Equal(steps[0].Expect, []string{"one … is two"}) || steps[1].Expect != nil {
		t.Fatalf("%+v", steps)
	}
	for _, c := range []struct {
		output string
		code   int
		want   int
	}{
		{"x\nsays: one (1) is two.\n", 3, 0}, {"one\nis two", 3, 1}, {"one is two", 0, 1}, {"", 0, 2},
	} {
		if got := steps[0].Check(c.output, c.code); len(got) != c.want {
			t.Errorf("%q, %d: %q, want %d findings", c.output, c.code, got, c.want)
		}
	}
}
