package cli

import (
	"context"
	"errors"

	"sensor-backend/bootstrap/internal/lock"
	"time"
)

// down stops the processes that up started, and those only.
func (a App) down(ctx context.Context) error {
	if err := a.Cache.Make(); err != nil {
		return err
	}
	held, err := lock.Acquire(ctx, a.Cache.Lock(), a.ErrOut)
	if err != nil {
		return err
	}
	defer func() { _ = held.Release() }()
	var errs []error
	for _, p := range []struct {
		name     string
		patience time.Duration
	}{{engineProcess, patience}, {registryProcess, 5 * time.Second}} {
		stopped, err := a.Procs.Stop(p.name, p.patience)
		word := "was not running"
		if stopped {
			word = "stopped"
		}
		if err == nil {
			err = a.say("%s: %s\n", p.name, word)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
