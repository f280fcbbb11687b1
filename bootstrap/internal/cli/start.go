package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"sensor-backend/bootstrap/internal/cacerts"
	"sensor-backend/bootstrap/internal/engine"
	"sensor-backend/bootstrap/internal/oci"
	"sensor-backend/bootstrap/internal/plan"
	"sensor-backend/bootstrap/internal/preflight"
	"sensor-backend/bootstrap/internal/proc"
	"sensor-backend/bootstrap/internal/step"
)

// Names of the processes that up starts.
const (
	engineProcess   = "engine"
	registryProcess = "registry"
)

// patience is how long the engine may take to write its state to disk.
const patience = 60 * time.Second

// readyLimit is how long an engine that listens may take to run a process.
const readyLimit = time.Minute

// startSteps start what must run; they look each time whether it does.
func (a App) startSteps(p plan.Plan) []step.Step {
	return []step.Step{
		{
			Name: "registry", Title: "serve images on " + registryAddress,
			Run: a.startRegistry,
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
			Name: "engine", Title: "start the engine", Needs: []string{"registry", "install", "query"},
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
	_, err = a.Procs.Start(ctx, proc.Spec{
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
		pid := a.process(registryProcess)
		if pid != 0 && preflight.LookAtPort(ctx, registryAddress, pid).Ours {
			return nil
		}
		if pid == 0 || ctx.Err() != nil {
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
		if _, err := fmt.Fprintf(log, "process %d is running\n", rec.ID.PID); err != nil {
			return err
		}
		return a.ready(ctx, p, log)
	}
	if _, err := a.Procs.Stop(engineProcess, patience); err != nil {
		return err
	}
	rec, err = a.Procs.Start(ctx, proc.Spec{
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
		return a.engineFailed(err)
	}
	return a.ready(ctx, p, log)
}

// ready is an error unless the engine runs a process and is of the version that
// everything here is built for.
func (a App) ready(ctx context.Context, p plan.Plan, log io.Writer) error {
	version, err := a.askEngine(ctx, p, readyLimit, log)
	if err == nil && version != engine.Version {
		err = fmt.Errorf("the engine says that it is %s and should be %s", version, engine.Version)
	}
	if err != nil {
		return a.engineFailed(err)
	}
	return nil
}

// engineFailed adds what the engine wrote last and what to do next.
func (a App) engineFailed(err error) error {
	const next = "start it again with: go run ./bootstrap down && go run ./bootstrap up"
	return fmt.Errorf("%w\nthe engine's last lines, from %s:\n%s\n%s", err, a.Procs.LogPath(engineProcess), a.Procs.LogTail(engineProcess), next)
}

// askEngine has the running engine run a process and say its version.
func (a App) askEngine(ctx context.Context, p plan.Plan, limit time.Duration, log io.Writer) (string, error) {
	return engine.Ask(ctx, a.Exec, p.Query(), filepath.Join(a.Cache.Bin(), "dagger"), engine.Address, limit, log)
}
