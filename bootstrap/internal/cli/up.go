package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"sensor-backend/bootstrap/internal/cacerts"
	"sensor-backend/bootstrap/internal/engine"
	"sensor-backend/bootstrap/internal/lock"
	"sensor-backend/bootstrap/internal/machine"
	"sensor-backend/bootstrap/internal/oci"
	"sensor-backend/bootstrap/internal/plan"
	"sensor-backend/bootstrap/internal/preflight"
	"sensor-backend/bootstrap/internal/proc"
	"sensor-backend/bootstrap/internal/run"
	"sensor-backend/bootstrap/internal/step"
)

// Names of the processes that up starts.
const (
	engineProcess   = "engine"
	registryProcess = "registry"
)

// patience is how long the engine may take to write its state to disk.
const patience = 60 * time.Second

func (a App) up(ctx context.Context) error {
	began := time.Now()
	mode, err := preflight.ChooseMode(preflight.LookForTools(ctx, a.Exec))
	if err != nil {
		return err
	}
	if mode == preflight.UseDocker {
		return a.say("Docker answers and dagger %s is on PATH: using them, nothing to do\n", engine.Version)
	}
	p, err := a.plan(ctx)
	if err != nil {
		return err
	}
	if err := a.Cache.Make(); err != nil {
		return err
	}
	held, err := lock.Acquire(ctx, a.Cache.Lock(), a.ErrOut)
	if err != nil {
		return err
	}
	defer func() { _ = held.Release() }()
	if err := a.Cache.Clean(); err != nil {
		return err
	}

	runner := &step.Runner{Cache: a.Cache, Out: a.ErrOut, Now: time.Now}
	line := a.engineLine()
	var steps []step.Step
	if mode == preflight.ClientOnly {
		line = a.clientLine()
		steps, err = p.CLI()
	} else {
		steps, err = p.Build(a.startSteps(p)...)
	}
	if err != nil {
		return err
	}
	if err := a.preflight(ctx, mode, runner, steps, p); err != nil {
		return err
	}
	if err := runner.Run(ctx, steps); err != nil {
		return err
	}
	if err := a.say("ready after %s; for your shell:\n", step.Duration(time.Since(began))); err != nil {
		return err
	}
	_, err = fmt.Fprintln(a.Out, line)
	return err
}

func (a App) plan(ctx context.Context) (plan.Plan, error) {
	facts, err := machine.Look(ctx, a.Exec, "/")
	if err != nil {
		return plan.Plan{}, err
	}
	source, err := machine.GoModule(ctx, a.Exec)
	if err != nil {
		return plan.Plan{}, err
	}
	return plan.Plan{Cache: a.Cache, Exec: a.Exec, Machine: facts, Source: source}, nil
}

// preflight finds what would make the work fail. Disk and network are looked
// at only when there is something to build, so that a machine without a
// network can start what it has.
func (a App) preflight(ctx context.Context, mode preflight.Mode, runner *step.Runner, steps []step.Step, p plan.Plan) error {
	if mode == preflight.Full {
		ours := 0
		if rec, running := a.Procs.Running(engineProcess); running {
			ours = rec.ID.PID
		}
		found, err := preflight.LookAtEngine(ctx, a.Exec, engine.Socket, ours)
		if err != nil {
			return err
		}
		port := preflight.LookAtPort(ctx, registryAddress, a.Cache.Images())
		if err := errors.Join(preflight.CheckEngine(found), preflight.CheckPort(port, registryAddress)); err != nil {
			return err
		}
	}
	pending, err := runner.Pending(steps)
	if err != nil || len(pending) == 0 {
		return err
	}
	free, err := preflight.Free(string(a.Cache))
	if err != nil {
		return err
	}
	errs := []error{preflight.Disk(free, string(a.Cache)), preflight.ReachModules(ctx, a.Exec)}
	if mode == preflight.Full {
		archive, err := p.Machine.Sources.Archive(p.Machine.Codename)
		if err != nil {
			return err
		}
		errs = append(errs, preflight.ReachPackages(ctx, archive.URI, archive.Suite))
	}
	return errors.Join(errs...)
}

// startSteps start what must run; they look each time whether it does.
func (a App) startSteps(p plan.Plan) []step.Step {
	return []step.Step{
		{
			Name: "registry", Title: "serve images on " + registryAddress,
			Run: func(ctx context.Context, log io.Writer) error { return a.startRegistry(ctx, log) },
		},
		{
			Name: "install", Title: "put the engine's parts in place", Needs: []string{"apt", "dagger", "go-sdk"},
			Run: func(context.Context, io.Writer) error {
				files, err := a.files(p)
				if err != nil {
					return err
				}
				return engine.Install(files)
			},
		},
		{
			Name: "engine", Title: "start the engine", Needs: []string{"registry", "install"},
			Run: func(ctx context.Context, log io.Writer) error { return a.startEngine(ctx, p, log) },
		},
	}
}

func (a App) files(p plan.Plan) (engine.Files, error) {
	config, err := engine.Config(registryName)
	if err != nil {
		return engine.Files{}, err
	}
	files := engine.Files{
		Root: "/", Programs: p.Programs(), Helpers: a.Cache.Path("engine-helpers"), Content: p.SDK(), Config: config,
	}
	if bundle := os.Getenv("SSL_CERT_FILE"); bundle != "" {
		files.Certificates, err = cacerts.Find("/", bundle, engine.CertificatesFile)
	}
	return files, err
}

// startRegistry keeps a copy of this very program to be the registry: the one
// that runs now may be a temporary one of `go run`.
func (a App) startRegistry(ctx context.Context, log io.Writer) error {
	content, err := os.ReadFile(a.Self)
	if err != nil {
		return fmt.Errorf("read this program: %w", err)
	}
	program := filepath.Join(a.Cache.Path("registry"), "bootstrap")
	key := step.Fingerprint(string(content))
	rec, running := a.Procs.Running(registryProcess)
	if running && rec.Key == key {
		_, err := fmt.Fprintf(log, "process %d is running\n", rec.ID.PID)
		return err
	}
	if _, err := a.Procs.Stop(registryProcess, 5*time.Second); err != nil {
		return err
	}
	if err := a.Cache.WriteFile(program, content, 0o755); err != nil {
		return err
	}
	_, err = a.Procs.Start(proc.Spec{
		Name: registryProcess, Key: key, Path: program, Args: []string{serveCommand, a.Cache.Images()},
	})
	if err != nil {
		return err
	}
	return a.awaitRegistry(ctx)
}

func (a App) awaitRegistry(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if preflight.LookAtPort(ctx, registryAddress, a.Cache.Images()).Ours {
			return nil
		}
		_, running := a.Procs.Running(registryProcess)
		if ctx.Err() != nil || !running {
			return fmt.Errorf("the registry does not answer on %s; see %s", registryAddress, a.Procs.LogPath(registryProcess))
		}
		<-tick.C
	}
}

func (a App) startEngine(ctx context.Context, p plan.Plan, log io.Writer) error {
	sdk, err := oci.Manifest(p.SDK())
	if err != nil {
		return err
	}
	files, err := a.files(p)
	if err != nil {
		return err
	}
	program := filepath.Join(p.Programs(), "engine")
	build, _ := (&step.Runner{Cache: a.Cache}).Stamp("dagger")
	key := step.Fingerprint(build.Key, sdk.Digest.String(), string(files.Config), string(files.Certificates))
	rec, running := a.Procs.Running(engineProcess)
	if running && rec.Key == key {
		_, err := fmt.Fprintf(log, "process %d is running\n", rec.ID.PID)
		return err
	}
	if _, err := a.Procs.Stop(engineProcess, patience); err != nil {
		return err
	}
	rec, err = a.Procs.Start(proc.Spec{
		Name: engineProcess, Key: key, Path: program,
		Args: []string{"--root", a.Cache.State()},
		Env: []string{
			engine.SDKVariable + "=" + sdk.Digest.String(),
			"PATH=" + files.Helpers + ":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		},
		OwnMounts: true,
	})
	if err != nil {
		return err
	}
	err = engine.Wait(ctx, rec.ID.PID, func() bool { _, running := a.Procs.Running(engineProcess); return running })
	if err != nil {
		return fmt.Errorf("%w; see %s", err, a.Procs.LogPath(engineProcess))
	}
	version, err := run.Output(ctx, a.Exec, run.Command{
		Name: filepath.Join(a.Cache.Bin(), "dagger"), Args: []string{"core", "version"},
		Env: []string{engine.RunnerVariable + "=" + engine.Address, "DAGGER_NO_NAG=1"}, Stderr: log,
	})
	if err != nil {
		return fmt.Errorf("call the engine: %w", err)
	}
	if version != engine.Version {
		return fmt.Errorf("the engine says that it is %s and should be %s", version, engine.Version)
	}
	return nil
}
