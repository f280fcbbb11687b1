package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sensor-backend/bootstrap/internal/engine"
	"sensor-backend/bootstrap/internal/lock"
	"sensor-backend/bootstrap/internal/machine"
	"sensor-backend/bootstrap/internal/plan"
	"sensor-backend/bootstrap/internal/preflight"
	"sensor-backend/bootstrap/internal/step"
)

// up builds and starts what is missing.
func (a App) up(ctx context.Context) error {
	began := time.Now()
	mode, err := a.mode(ctx)
	if err != nil || mode == preflight.UseInstalled {
		return err
	}
	p, err := a.plan(ctx)
	if err != nil {
		return err
	}
	line := a.engineLine()
	steps, err := a.steps(p, mode, a.startSteps(p)...)
	if err != nil {
		return err
	}
	if mode == preflight.ClientOnly {
		line = a.clientLine()
	}
	err = a.locked(ctx, func() error {
		if mode == preflight.Full {
			if err := a.checkPlaces(ctx); err != nil {
				return err
			}
		}
		return a.runSteps(ctx, p, mode, steps)
	})
	if err != nil {
		return err
	}
	if err := a.say("ready after %s; for your shell:\n", step.Duration(time.Since(began))); err != nil {
		return err
	}
	_, err = fmt.Fprintln(a.Out, line)
	return err
}

// build makes everything that up would, and starts nothing.
func (a App) build(ctx context.Context) error {
	began := time.Now()
	mode, err := a.mode(ctx)
	if err != nil || mode == preflight.UseInstalled {
		return err
	}
	p, err := a.plan(ctx)
	if err != nil {
		return err
	}
	steps, err := a.steps(p, mode)
	if err != nil {
		return err
	}
	if err := a.locked(ctx, func() error { return a.runSteps(ctx, p, mode, steps) }); err != nil {
		return err
	}
	return a.say("built after %s\n", step.Duration(time.Since(began)))
}

// mode decides the way, and says which and why.
func (a App) mode(ctx context.Context) (preflight.Mode, error) {
	mode, why, err := preflight.ChooseMode(a.tools(ctx))
	if err != nil {
		return mode, err
	}
	return mode, a.say("%s\n", why)
}

func (a App) steps(p plan.Plan, mode preflight.Mode, start ...step.Step) ([]step.Step, error) {
	if mode == preflight.ClientOnly {
		return p.CLI()
	}
	return p.Build(start...)
}

// locked does work while no other bootstrap works in the same directory.
func (a App) locked(ctx context.Context, work func() error) error {
	if err := a.Cache.Make(); err != nil {
		return err
	}
	held, err := lock.Acquire(ctx, a.Cache.Lock(), a.ErrOut)
	if err != nil {
		return err
	}
	if err := a.Cache.Clean(); err != nil {
		return errors.Join(err, held.Release())
	}
	return errors.Join(work(), held.Release())
}

// runSteps runs the steps after a look at what they need. Disk and network are
// looked at only when there is something to build, so that a machine without a
// network can start what it has.
func (a App) runSteps(ctx context.Context, p plan.Plan, mode preflight.Mode, steps []step.Step) error {
	runner := &step.Runner{Cache: a.Cache, Out: a.ErrOut, Now: time.Now}
	pending, err := runner.Pending(steps)
	if err != nil {
		return err
	}
	if len(pending) > 0 {
		if err := a.checkMeans(ctx, p, mode); err != nil {
			return err
		}
	}
	return runner.Run(ctx, steps)
}

// checkPlaces finds out whether the registry and the engine can have theirs.
func (a App) checkPlaces(ctx context.Context) error {
	found, err := preflight.LookAtEngine(ctx, a.Exec, engine.Socket, a.process(engineProcess))
	if err != nil {
		return err
	}
	port := preflight.LookAtPort(ctx, registryAddress, a.process(registryProcess))
	return errors.Join(preflight.CheckEngine(found), preflight.CheckPort(port, registryAddress))
}

// process gives the number of a process that was started from here, or zero.
func (a App) process(name string) int {
	if rec, running := a.Procs.Running(name); running {
		return rec.ID.PID
	}
	return 0
}

// checkMeans finds out whether there is disk and network for the work.
func (a App) checkMeans(ctx context.Context, p plan.Plan, mode preflight.Mode) error {
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
