// Package plan lists the steps that make this machine able to run Dagger.
package plan

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"sensor-backend/bootstrap/internal/aptsrc"
	"sensor-backend/bootstrap/internal/cache"
	"sensor-backend/bootstrap/internal/engine"
	"sensor-backend/bootstrap/internal/gotool"
	"sensor-backend/bootstrap/internal/oci"
	"sensor-backend/bootstrap/internal/provider"
	"sensor-backend/bootstrap/internal/rootfs"
	"sensor-backend/bootstrap/internal/run"
	"sensor-backend/bootstrap/internal/standin"
	"sensor-backend/bootstrap/internal/step"
)

// Machine is what the steps need to know of this machine.
type Machine struct {
	Go       gotool.Facts
	Codename string
	Sources  aptsrc.Sources
	// Settings are the apt settings to share with root file systems.
	Settings []string
	// Terraform is the program found on PATH, or empty.
	Terraform string
	// TerraformID changes when the program does.
	TerraformID string
}

// Plan makes steps.
type Plan struct {
	Cache   cache.Dir
	Exec    run.Executor
	Machine Machine
	// Source is the directory of the bootstrap module.
	Source string
}

// lanes: compiling uses all processors by itself; one root file system at a
// time leaves it room.
const (
	laneCompile = "compile"
	laneRoot    = "root"
)

// HostPackages are the Debian packages that the engine and the steps need.
func HostPackages() []string {
	return []string{
		"ca-certificates", "containernetworking-plugins", "dnsmasq-base", "git", "iptables", "mmdebstrap", "runc",
	}
}

// Programs is where the engine's programs are kept.
func (p Plan) Programs() string { return p.Cache.Path("dagger") }

// Query is the program that asks a running engine.
func (p Plan) Query() string { return p.Cache.Path("engine-query") }

// SDK is the layout of the Go SDK's image.
func (p Plan) SDK() string { return p.Cache.Path("go-sdk") }

// CLI builds nothing but the command-line client.
func (p Plan) CLI() ([]step.Step, error) {
	build, err := p.daggerStep()
	if err != nil {
		return nil, err
	}
	return []step.Step{build}, nil
}

// Build gives the steps that make files. The start steps are put where the
// engine's own parts are made, so that an engine is up before the last image.
func (p Plan) Build(start ...step.Step) ([]step.Step, error) {
	dagger, err := p.daggerStep()
	if err != nil {
		return nil, err
	}
	query, err := p.queryStep()
	if err != nil {
		return nil, err
	}
	golangRoot, err := p.rootStep("golang", "make a Debian root for Go", standin.GolangRoot())
	if err != nil {
		return nil, err
	}
	motoRoot, err := p.rootStep("moto", "make a Debian root for moto", standin.MotoRoot())
	if err != nil {
		return nil, err
	}
	postgresRoot, err := p.rootStep("postgres", "make a Debian root for PostgreSQL", standin.PostgresRoot())
	if err != nil {
		return nil, err
	}
	terraformRoot, err := p.rootStep("terraform", "make a Debian root for Terraform", standin.TerraformRoot())
	if err != nil {
		return nil, err
	}
	network := p.Machine.Go.NetworkEnv()
	goroot := p.goLayerStep()
	sdkEntries := standin.SDKEntries(filepath.Join(p.Programs(), "codegen"))

	steps := []step.Step{
		p.aptStep(),
		dagger,
		query,
		goroot,
		golangRoot,
		p.image("go-sdk", "assemble the Go SDK", engine.Version, p.SDK(), standin.SDKConfig(network), sdkEntries,
			[]string{p.root("golang"), p.goLayer()}, "root-golang", goroot.Name, dagger.Name),
	}
	steps = append(steps, start...)
	terraform, err := p.terraformStep()
	if err != nil {
		return nil, err
	}
	providerStep := p.providerStep()
	return append(steps,
		p.stock("golang", standin.Golang, standin.GolangConfig(p.Machine.Go.Version, network), nil,
			[]string{p.root("golang"), p.goLayer()}, "root-golang", goroot.Name),
		postgresRoot,
		p.stock("postgres", standin.Postgres, standin.PostgresConfig(), standin.PostgresEntries(),
			[]string{p.root("postgres")}, "root-postgres"),
		motoRoot,
		p.stock("moto", standin.Moto, standin.MotoConfig(), standin.MotoEntries(), []string{p.root("moto")}, "root-moto"),
		terraformRoot,
		terraform,
		providerStep,
		p.stock("terraform", standin.Terraform, standin.TerraformConfig(),
			standin.TerraformEntries(p.terraform(), p.provider(), p.Machine.Go.Arch),
			[]string{p.root("terraform")}, "root-terraform", terraform.Name, providerStep.Name),
	), nil
}

func (p Plan) aptStep() step.Step {
	return step.Step{
		Name: "apt", Title: "install Debian packages", Lane: laneRoot,
		Key:     HostPackages(),
		Outputs: []string{"/usr/sbin/runc", "/usr/lib/cni/bridge", "/usr/sbin/dnsmasq", "/usr/sbin/iptables", "/usr/bin/mmdebstrap", "/usr/bin/git"},
		Run: func(ctx context.Context, log io.Writer) error {
			env := []string{"DEBIAN_FRONTEND=noninteractive"}
			const wait = "DPkg::Lock::Timeout=300"
			if err := p.Exec.Run(ctx, run.Command{
				Name: "apt-get", Args: []string{"-o", wait, "-q", "update"}, Env: env, Stdout: log, Stderr: log,
			}); err != nil {
				return err
			}
			args := append([]string{"-o", wait, "-q", "-y", "install", "--no-install-recommends"}, HostPackages()...)
			return p.Exec.Run(ctx, run.Command{Name: "apt-get", Args: args, Env: env, Stdout: log, Stderr: log})
		},
	}
}

func (p Plan) daggerStep() (step.Step, error) {
	dir := filepath.Join(p.Source, "engine")
	sum, err := hashFiles(dir, "go.mod", "go.sum", "distconsts/go.mod", "distconsts/distconsts.go")
	if err != nil {
		return step.Step{}, err
	}
	client := filepath.Join(p.Cache.Bin(), "dagger")
	return step.Step{
		Name: "dagger", Title: "build dagger " + engine.Version + " and its engine", Lane: laneCompile,
		About: engine.Version, Files: []string{client, p.Programs()},
		Key:     []string{sum, engine.Version, p.Machine.Go.Version, p.Machine.Go.Arch},
		Outputs: []string{client, filepath.Join(p.Programs(), "engine"), filepath.Join(p.Programs(), "codegen")},
		Run: func(ctx context.Context, log io.Writer) error {
			tmp, err := p.Cache.Temp("dagger")
			if err != nil {
				return err
			}
			build := gotool.Build{Dir: dir, Packages: engine.Packages(), Output: tmp + "/", Variables: engine.Variables()}
			if err := build.Run(ctx, p.Exec, log); err != nil {
				return err
			}
			if err := p.Cache.Replace(filepath.Join(tmp, "dagger"), client); err != nil {
				return err
			}
			return p.Cache.Replace(tmp, p.Programs())
		},
	}, nil
}

// queryStep is apart from the engine's: another query does not need another engine,
// which would have to start again.
func (p Plan) queryStep() (step.Step, error) {
	dir := filepath.Join(p.Source, "engine")
	sum, err := hashFiles(dir, "go.mod", "go.sum", "query/main.go")
	if err != nil {
		return step.Step{}, err
	}
	return step.Step{
		Name: "query", Title: "build the engine's readiness check", Lane: laneCompile,
		About: engine.Version, Files: []string{p.Query()},
		Key:     []string{sum, p.Machine.Go.Version, p.Machine.Go.Arch},
		Outputs: []string{p.Query()},
		Run: func(ctx context.Context, log io.Writer) error {
			return p.produce(p.Query(), func(tmp string) error {
				return gotool.Build{Dir: dir, Packages: []string{"./query"}, Output: tmp}.Run(ctx, p.Exec, log)
			})
		},
	}, nil
}

func (p Plan) rootStep(name, title string, spec rootfs.Spec) (step.Step, error) {
	entries, err := p.Machine.Sources.ForSuite(p.Machine.Codename, spec.Suite)
	if err != nil {
		return step.Step{}, err
	}
	spec.Sources = aptsrc.Lines(entries)
	spec.Settings = append(spec.Settings, p.Machine.Settings...)
	if spec.Suite == "sid" {
		// A mirror's copy of sid may be past its date and still be whole.
		spec.Settings = append(spec.Settings, `Acquire::Check-Valid-Until "false";`)
	}
	return step.Step{
		Name: "root-" + name, Title: title, Lane: laneRoot, Needs: []string{"apt"},
		About: "Debian " + spec.Suite, Files: []string{p.root(name)},
		Key:     spec.Key(),
		Outputs: []string{p.root(name)},
		Run: func(ctx context.Context, log io.Writer) error {
			return p.produce(p.root(name), func(tmp string) error { return spec.Make(ctx, p.Exec, tmp, log) })
		},
	}, nil
}

func (p Plan) goLayerStep() step.Step {
	entries := standin.GolangEntries(p.Machine.Go.Root, p.Machine.Settings)
	return step.Step{
		Name: "layer-go", Title: "pack the Go toolchain",
		About: p.Machine.Go.Version, Files: []string{p.goLayer()},
		Key:     append([]string{p.Machine.Go.Version, p.Machine.Go.Root}, standin.Describe(entries)...),
		Outputs: []string{p.goLayer()},
		Run: func(context.Context, io.Writer) error {
			return p.produce(p.goLayer(), func(tmp string) error { return oci.WriteTar(tmp, entries) })
		},
	}
}

// terraformStep takes the program that the machine has, or else builds
// OpenTofu: later versions of Terraform cannot be built as a dependency.
func (p Plan) terraformStep() (step.Step, error) {
	if p.Machine.Terraform != "" {
		return step.Step{
			Name: "terraform", Title: "take Terraform from PATH",
			About: p.Machine.Terraform, Files: []string{p.terraform()},
			Key:     []string{p.Machine.Terraform, p.Machine.TerraformID},
			Outputs: []string{p.terraform()},
			Run: func(context.Context, io.Writer) error {
				content, err := os.ReadFile(p.Machine.Terraform)
				if err != nil {
					return fmt.Errorf("read terraform: %w", err)
				}
				return p.Cache.WriteFile(p.terraform(), content, 0o755)
			},
		}, nil
	}
	dir := filepath.Join(p.Source, "tofu")
	sum, err := hashFiles(dir, "go.mod", "go.sum")
	if err != nil {
		return step.Step{}, err
	}
	return step.Step{
		Name: "terraform", Title: "build OpenTofu in place of Terraform", Lane: laneCompile,
		About: "OpenTofu, since PATH has no terraform", Files: []string{p.terraform()},
		Key:     []string{sum, p.Machine.Go.Version, p.Machine.Go.Arch},
		Outputs: []string{p.terraform()},
		Run: func(ctx context.Context, log io.Writer) error {
			return p.produce(p.terraform(), func(tmp string) error {
				return gotool.Build{
					Dir: dir, Packages: []string{"github.com/opentofu/opentofu/cmd/tofu"}, Output: tmp,
					Variables: map[string]string{"github.com/opentofu/opentofu/version.dev": "no"},
				}.Run(ctx, p.Exec, log)
			})
		},
	}, nil
}

func (p Plan) providerStep() step.Step {
	return step.Step{
		Name: "provider", Title: "build Terraform's AWS provider " + provider.Version, Lane: laneCompile,
		About: provider.Version, Files: []string{p.provider()},
		Key: append(append([]string{provider.Module, provider.Commit, provider.Version, p.Machine.Go.Version, p.Machine.Go.Arch},
			provider.Services()...), provider.Clients()...),
		Outputs: []string{p.provider()},
		Run: func(ctx context.Context, log io.Writer) error {
			module, err := gotool.Download(ctx, p.Exec, provider.Module, provider.Commit, provider.Sum, provider.Module, log)
			if err != nil {
				return err
			}
			src, err := p.Cache.Temp("provider")
			if err != nil {
				return err
			}
			defer func() { _ = os.RemoveAll(src) }()
			if err := provider.Prepare(module.Dir, src); err != nil {
				return err
			}
			return p.produce(p.provider(), func(tmp string) error {
				return gotool.Build{
					Dir: src, Packages: []string{"."}, Output: tmp,
					Variables: map[string]string{provider.VersionVariable: provider.Version},
					Env:       []string{"GOGC=400"},
				}.Run(ctx, p.Exec, log)
			})
		},
	}
}

// stock makes a step for an image that the registry serves.
func (p Plan) stock(name, public string, config v1.Config, entries []oci.Entry, layers []string, needs ...string) step.Step {
	repo, tag, _ := strings.Cut(public, ":")
	dir := filepath.Join(p.Cache.Images(), filepath.FromSlash(repo), tag)
	public = strings.TrimPrefix(public, "library/")
	return p.image("image-"+name, "assemble "+public, public, dir, config, entries, layers, needs...)
}

// image makes a step for an image of the layers and of one with the entries.
func (p Plan) image(name, title, about, dir string, config v1.Config, entries []oci.Entry, layers []string, needs ...string) step.Step {
	entries = append(entries[:len(entries):len(entries)], standin.WithoutUpdater())
	return step.Step{
		Name: name, Title: title, Needs: needs,
		About: about, Files: []string{dir},
		Key:     append([]string{fmt.Sprintf("%+v", config), p.Machine.Go.Arch}, standin.Describe(entries)...),
		Outputs: []string{filepath.Join(dir, "index.json")},
		Run: func(_ context.Context, log io.Writer) error {
			tmp, err := p.Cache.Temp(name)
			if err != nil {
				return err
			}
			defer func() { _ = os.RemoveAll(tmp) }()
			own := filepath.Join(tmp, name+".tar")
			if err := oci.WriteTar(own, entries); err != nil {
				return err
			}
			all := slices.Concat(layers, []string{own})
			opened := make([]oci.Layer, len(all))
			for i, path := range all {
				if opened[i], err = oci.OpenLayer(path); err != nil {
					return err
				}
			}
			digest, err := oci.Write(filepath.Join(tmp, "layout"), p.Machine.Go.Arch, config, opened)
			if err != nil {
				return err
			}
			if _, err := fmt.Fprintln(log, digest); err != nil {
				return err
			}
			return p.Cache.Replace(filepath.Join(tmp, "layout"), dir)
		},
	}
}

// produce makes one file by way of a temporary one.
func (p Plan) produce(path string, write func(tmp string) error) error {
	dir, err := p.Cache.Temp(filepath.Base(path))
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	tmp := filepath.Join(dir, filepath.Base(path))
	if err := write(tmp); err != nil {
		return err
	}
	return p.Cache.Replace(tmp, path)
}

func (p Plan) root(name string) string { return p.Cache.Path("roots", name+".tar") }
func (p Plan) goLayer() string         { return p.Cache.Path("roots", "go.tar") }
func (p Plan) terraform() string       { return p.Cache.Path("terraform", "terraform") }
func (p Plan) provider() string {
	return p.Cache.Path("terraform", provider.FileName())
}

func hashFiles(dir string, names ...string) (string, error) {
	sum := sha256.New()
	for _, name := range names {
		content, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
		if err != nil {
			return "", fmt.Errorf("read the engine's build files: %w", err)
		}
		if _, err := fmt.Fprintf(sum, "%s %d %s", name, len(content), content); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}
