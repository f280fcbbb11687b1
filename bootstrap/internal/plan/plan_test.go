package plan

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/layout"

	"sensor-backend/bootstrap/internal/aptsrc"
	"sensor-backend/bootstrap/internal/cache"
	"sensor-backend/bootstrap/internal/gotool"
	"sensor-backend/bootstrap/internal/oci"
	"sensor-backend/bootstrap/internal/provider"
	"sensor-backend/bootstrap/internal/run"
	"sensor-backend/bootstrap/internal/runtest"
	"sensor-backend/bootstrap/internal/step"
)

// newPlan is a plan whose programs only pretend: go and mmdebstrap write small
// files where they are told to.
func newPlan(t *testing.T) (Plan, *runtest.Fake) {
	t.Helper()
	base := t.TempDir()
	goroot, module := filepath.Join(base, "go"), filepath.Join(base, "provider")
	put(t, filepath.Join(goroot, "bin", "go"), "go")
	put(t, filepath.Join(base, "terraform"), "terraform 1")
	for _, file := range []string{"go.mod", "go.sum", "main.go", "names/n.go", "version/v.go"} {
		put(t, filepath.Join(module, file), "x")
	}
	put(t, filepath.Join(module, "internal/provider/sdkv2/service_packages_gen.go"),
		lines("\t\"x/internal/service/", provider.Services()))
	put(t, filepath.Join(module, "internal/conns/awsclient_gen.go"),
		lines("\t\"github.com/aws/aws-sdk-go-v2/service/", provider.Clients()))
	for _, file := range []string{"engine/go.mod", "engine/go.sum", "engine/distconsts/go.mod", "engine/distconsts/distconsts.go", "engine/query/main.go", "tofu/go.mod", "tofu/go.sum"} {
		put(t, filepath.Join(base, "source", file), file)
	}
	ex := &runtest.Fake{}
	ex.Answers = map[string]runtest.Answer{
		"apt-get":    {},
		"go":         {Do: fakeGo(module)},
		"mmdebstrap": {Do: func(c run.Command) error { return os.WriteFile(tarOf(c), []byte(c.String()), 0o600) }},
	}
	dir := cache.Dir(filepath.Join(base, "cache"))
	if err := dir.Make(); err != nil {
		t.Fatal(err)
	}
	return Plan{
		Cache: dir, Exec: ex, Source: filepath.Join(base, "source"),
		Machine: Machine{
			Go:       gotool.Facts{Version: "go1.26.8", Root: goroot, Arch: "amd64", Network: map[string]string{"GOSUMDB": "off"}},
			Codename: "bookworm",
			Sources: aptsrc.Sources{Entries: []aptsrc.Entry{
				{URI: "http://mirror.example/debian", Suite: "bookworm", Components: []string{"main"}},
			}},
			Terraform: filepath.Join(base, "terraform"), TerraformID: "1",
		},
	}, ex
}

func fakeGo(module string) func(run.Command) error {
	return func(c run.Command) error {
		if c.Args[0] == "mod" {
			_, err := io.WriteString(c.Stdout, `{"Dir":"`+module+`","Sum":"`+provider.Sum+`"}`)
			return err
		}
		output := c.Args[slices.Index(c.Args, "-o")+1]
		if !strings.HasSuffix(output, "/") {
			return os.WriteFile(output, []byte("program"), 0o700)
		}
		for _, pkg := range c.Args[slices.Index(c.Args, "-o")+2:] {
			if err := os.WriteFile(filepath.Join(output, filepath.Base(pkg)), []byte(pkg), 0o700); err != nil {
				return err
			}
		}
		return nil
	}
}

func tarOf(c run.Command) string {
	return c.Args[slices.IndexFunc(c.Args, func(arg string) bool { return strings.HasSuffix(arg, ".tar") })]
}

// withoutHost leaves out the outputs that only a real machine has.
func withoutHost(steps []step.Step) []step.Step {
	for i := range steps {
		if steps[i].Name == "apt" {
			steps[i].Outputs = nil
		}
	}
	return steps
}

func runPlan(t *testing.T, p Plan) string {
	t.Helper()
	steps, err := p.Build()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	runner := &step.Runner{Cache: p.Cache, Out: &out, Now: time.Now}
	if err := runner.Run(t.Context(), withoutHost(steps)); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	return out.String()
}

func TestBuildMakesEveryImage(t *testing.T) {
	t.Parallel()
	p, ex := newPlan(t)
	runPlan(t, p)
	for _, image := range []string{
		"library/golang/1.26-bookworm", "library/postgres/17-trixie", "hashicorp/terraform/1.11.4", "motoserver/moto/5.2.4",
	} {
		dir := filepath.Join(p.Cache.Images(), image)
		if _, err := oci.Manifest(dir); err != nil {
			t.Errorf("%s: %v", image, err)
		}
		if !hidesUpdater(t, dir) {
			t.Errorf("%s: update-ca-certificates is not hidden in the topmost layer", image)
		}
	}
	if _, err := oci.Manifest(p.SDK()); err != nil {
		t.Errorf("Go SDK: %v", err)
	}
	if content, err := os.ReadFile(filepath.Join(p.Cache.Bin(), "dagger")); err != nil || !strings.HasSuffix(string(content), "cmd/dagger") {
		t.Errorf("client: %q, %v", content, err)
	}
	left, err := os.ReadDir(p.Cache.Path("tmp"))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	before := len(ex.Commands())
	if out := runPlan(t, p); len(ex.Commands()) != before {
		t.Errorf("the second time ran %v\n%s", ex.Commands()[before:], out)
	}
}

// hidesUpdater looks into the topmost layer of the image in the layout at dir.
func hidesUpdater(t *testing.T, dir string) bool {
	t.Helper()
	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	descriptor, err := oci.Manifest(dir)
	if err != nil {
		t.Fatal(err)
	}
	image, err := index.Image(descriptor.Digest)
	if err != nil {
		t.Fatal(err)
	}
	layers, err := image.Layers()
	if err != nil {
		t.Fatal(err)
	}
	content, err := layers[len(layers)-1].Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = content.Close() }()
	archive := tar.NewReader(content)
	for {
		header, err := archive.Next()
		if err != nil {
			return false
		}
		if header.Name == "usr/sbin/.wh.update-ca-certificates" {
			return true
		}
	}
}

func TestWhatIsMadeAgain(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(p *Plan)
		want   []string
	}{
		"another terraform": {func(p *Plan) { p.Machine.TerraformID = "2" }, []string{"terraform", "image-terraform"}},
		"another Go": {
			func(p *Plan) { p.Machine.Go.Version = "go1.26.9" },
			[]string{"dagger", "query", "layer-go", "go-sdk", "image-golang", "provider", "image-terraform"},
		},
		"another readiness check": {
			func(p *Plan) { p.Source = withAnotherQuery(t, p.Source) }, []string{"query"},
		},
		"another mirror": {
			func(p *Plan) { p.Machine.Sources.Entries[0].URI = "http://other.example/debian" },
			[]string{
				"root-golang", "go-sdk", "image-golang", "root-postgres", "image-postgres", "root-moto", "image-moto",
				"root-terraform", "image-terraform",
			},
		},
		"another module proxy": {
			func(p *Plan) { p.Machine.Go.Network = map[string]string{"GOPROXY": "http://p.example"} },
			[]string{"go-sdk", "image-golang"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, _ := newPlan(t)
			runPlan(t, p)
			c.change(&p)
			steps, err := p.Build()
			if err != nil {
				t.Fatal(err)
			}
			pending, err := (&step.Runner{Cache: p.Cache}).Pending(withoutHost(steps))
			if err != nil || !slices.Equal(pending, c.want) {
				t.Errorf("pending %v, %v\nwant    %v", pending, err, c.want)
			}
		})
	}
}

// withAnotherQuery is a copy of a bootstrap module whose readiness check differs.
func withAnotherQuery(t *testing.T, source string) string {
	t.Helper()
	other := t.TempDir()
	if err := os.CopyFS(other, os.DirFS(source)); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(other, "engine/query/main.go"), "another")
	return other
}

func TestOpenTofuWithoutTerraform(t *testing.T) {
	t.Parallel()
	p, ex := newPlan(t)
	p.Machine.Terraform, p.Machine.TerraformID = "", ""
	runPlan(t, p)
	if !slices.ContainsFunc(ex.Commands(), func(c run.Command) bool { return strings.Contains(c.String(), "opentofu/cmd/tofu") }) {
		t.Error("OpenTofu was not built")
	}
}

func TestAChangedProviderIsRefused(t *testing.T) {
	t.Parallel()
	p, ex := newPlan(t)
	ex.Answers["go mod download -json "+provider.Module+"@"+provider.Commit] = runtest.Answer{Stdout: `{"Sum":"h1:other"}`}
	err := p.providerStep().Run(t.Context(), io.Discard)
	if err == nil || !strings.Contains(err.Error(), "do not use") {
		t.Errorf("run = %v", err)
	}
}

func TestAFailedBuildLeavesTheOldResult(t *testing.T) {
	t.Parallel()
	p, ex := newPlan(t)
	runPlan(t, p)
	broken := errors.New("broken")
	ex.Answers["go"] = runtest.Answer{Do: func(run.Command) error { return broken }}
	dagger, err := p.daggerStep()
	if err != nil {
		t.Fatal(err)
	}
	if err := dagger.Run(context.Background(), io.Discard); !errors.Is(err, broken) {
		t.Fatalf("run = %v", err)
	}
	for _, path := range dagger.Outputs {
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
}

func TestStartStepsComeBeforeTheImages(t *testing.T) {
	t.Parallel()
	p, _ := newPlan(t)
	steps, err := p.Build(step.Step{Name: "engine", Needs: []string{"apt", "dagger", "go-sdk"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := step.Keys(steps); err != nil {
		t.Error(err)
	}
	at := func(name string) int {
		return slices.IndexFunc(steps, func(s step.Step) bool { return s.Name == name })
	}
	if at("engine") > at("root-postgres") || at("engine") > at("provider") {
		t.Error("the engine waits for images that it does not need")
	}
}

func TestNoDebianIsAnError(t *testing.T) {
	t.Parallel()
	p, _ := newPlan(t)
	p.Machine.Sources = aptsrc.Sources{}
	if _, err := p.Build(); !errors.Is(err, aptsrc.ErrNoDebian) {
		t.Errorf("Build = %v", err)
	}
}

func lines(prefix string, names []string) string {
	var b strings.Builder
	for _, name := range names {
		b.WriteString(prefix + name + "\"\n")
	}
	return b.String()
}

func put(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
