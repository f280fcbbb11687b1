package main

import (
	"context"
	"fmt"
	"os"

	"dagger/sensor-backend/ecr"
	"dagger/sensor-backend/gitref"
	"dagger/sensor-backend/gitref/content"
	"dagger/sensor-backend/internal/dagger"
	"dagger/sensor-backend/lambdazip"

	"golang.org/x/sync/errgroup"
)

// Build makes the API's container: its static binary on an empty image.
//
// It runs as user 65532. The same source gives the same image, on every machine and
// every day, through all commits that change nothing of it. What it answers on
// /version is the last commit that changed it, or content-HEX where the history does
// not tell that commit.
func (m *SensorBackend) Build(ctx context.Context) (*dagger.Container, error) {
	api, err := m.api(ctx)
	if err != nil {
		return nil, err
	}
	return api.image(), nil
}

// PackageLambda builds the processor and packs it for Lambda: the same zip for the same source.
func (m *SensorBackend) PackageLambda(ctx context.Context) (*dagger.File, error) {
	processor, err := m.processor(ctx)
	if err != nil {
		return nil, err
	}
	archive, err := processor.zip(ctx)
	if err != nil {
		return nil, err
	}
	return newFile(processorPackage, archive.Zip)
}

// processorPackage is the package's file name.
const processorPackage = "processor.zip"

// imageTag is the tag that names branch and commit.
func imageTag(ref gitref.Ref) string { return ecr.BranchTag(ref.Branch, ref.Commit[:12]) }

// program is a program that is delivered: what it is built from, how, and which
// version that is.
type program struct {
	recipe  content.Recipe
	source  *dagger.Directory
	version content.Version
}

// api is the API's program.
func (m *SensorBackend) api(ctx context.Context) (program, error) {
	arch, err := m.platformArchitecture(ctx)
	if err != nil {
		return program{}, err
	}
	return m.program(ctx, content.API(arch))
}

// processor is the Lambda function's program.
func (m *SensorBackend) processor(ctx context.Context) (program, error) {
	arch, err := m.platformArchitecture(ctx)
	if err != nil {
		return program{}, err
	}
	return m.program(ctx, content.Processor(arch))
}

// programs are both programs of one commit, with the processor packed.
type programs struct {
	api, processor program
	zip            lambdazip.Archive
}

// programs finds out about both programs side by side, and packs the processor. The
// API's comes from api.
func (m *SensorBackend) programs(ctx context.Context, api func(context.Context) (program, error)) (programs, error) {
	var p programs
	both, ctx := errgroup.WithContext(ctx)
	both.Go(func() (err error) {
		p.api, err = api(ctx)
		return err
	})
	both.Go(func() (err error) {
		if p.processor, err = m.processor(ctx); err == nil {
			p.zip, err = p.processor.zip(ctx)
		}
		return err
	})
	return p, both.Wait()
}

// servicesDir is where the services lie in the repository.
const servicesDir = "services"

// program finds out what a program of the services is built from. Only that reaches
// the compiler, so that nothing else can change what comes out.
func (m *SensorBackend) program(ctx context.Context, recipe content.Recipe) (program, error) {
	dir, err := os.MkdirTemp("", "services")
	if err != nil {
		return program{}, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if _, err := m.Services.Export(ctx, dir); err != nil {
		return program{}, fmt.Errorf("read the services' source: %w", err)
	}
	inputs, err := content.Find(os.DirFS(dir), recipe.Package)
	if err != nil {
		return program{}, err
	}
	history, err := m.lastChange(ctx, inputs)
	if err != nil {
		return program{}, err
	}
	version, err := inputs.Version(os.DirFS(dir), servicesDir, recipe, history)
	if err != nil {
		return program{}, err
	}
	source := m.Services.Filter(dagger.DirectoryFilterOpts{Include: inputs.Files()})
	return program{recipe: recipe, source: source, version: version}, nil
}

// lastChange asks git when the inputs of a program were changed last. What it cannot
// tell, as in a tree without a repository, stays unknown.
func (m *SensorBackend) lastChange(ctx context.Context, inputs content.Inputs) (content.History, error) {
	ref, err := m.revision(ctx)
	if err != nil {
		return content.History{}, ctx.Err()
	}
	history := content.History{Commit: ref.Commit}
	there, err := m.Repository.Glob(ctx, ".git/shallow")
	if err != nil {
		return history, fmt.Errorf("read the repository: %w", err)
	}
	if len(there) > 0 {
		if history.Ends, err = m.Repository.File(".git/shallow").Contents(ctx); err != nil {
			return history, fmt.Errorf("read the repository: %w", err)
		}
	}
	// git takes no directory without refs for a repository, and they may be packed.
	run := goToolchain().
		WithNewFile("/repository/.git/refs/.keep", "").
		WithDirectory("/repository", m.Repository).
		WithWorkdir("/repository").
		WithExec(inputs.Question(servicesDir, ref.Commit), anyExit)
	code, err := run.ExitCode(ctx)
	if err != nil {
		return history, fmt.Errorf("ask git about commit %s: %w", ref.Commit, err)
	}
	if code == 0 {
		history.Answer, err = run.Stdout(ctx)
	}
	return history, err
}

// image is the program on its base.
func (p program) image() *dagger.Container {
	image := dag.Container(dagger.ContainerOpts{Platform: dagger.Platform("linux/" + p.recipe.Architecture)})
	if p.recipe.Base != content.Scratch {
		image = image.From(p.recipe.Base)
	}
	image = image.
		WithFile(p.recipe.Path, p.binary(), dagger.ContainerWithFileOpts{Permissions: 0o755}).
		WithUser(p.recipe.User).
		WithEntrypoint([]string{p.recipe.Path}).
		WithExposedPort(p.recipe.Port).
		WithLabel("org.opencontainers.image.version", p.version.Name)
	if p.version.Commit == "" {
		return image
	}
	return image.WithLabel("org.opencontainers.image.revision", p.version.Commit)
}

// zip is the program as Lambda takes it.
func (p program) zip(ctx context.Context) (lambdazip.Archive, error) {
	binary, err := readBinary(ctx, p.binary())
	if err != nil {
		return lambdazip.Archive{}, fmt.Errorf("build the processor: %w", err)
	}
	return lambdazip.Build(binary)
}

// binary is the compiled program.
func (p program) binary() *dagger.File { return compiled(p.source, p.recipe, p.version) }

// compiled compiles a program by its recipe.
func compiled(source *dagger.Directory, recipe content.Recipe, version content.Version) *dagger.File {
	const out = "/out/binary"
	ctr := golang(source)
	for _, variable := range recipe.Variables() {
		ctr = ctr.WithEnvVariable(variable[0], variable[1])
	}
	return ctr.WithExec(recipe.Command(version, out)).File(out)
}

// staticBinary is a program of the pipeline's own.
func staticBinary(source *dagger.Directory, pkg, arch string) *dagger.File {
	return compiled(source, content.Tool(pkg, arch), content.Version{})
}
