package cli

import (
	"context"
	"errors"
	"time"
)

// down stops the processes that up started, and those only.
func (a App) down(ctx context.Context) error {
	return a.locked(ctx, func() error {
		return errors.Join(a.stop(engineProcess, patience), a.stop(registryProcess, 5*time.Second))
	})
}

func (a App) stop(name string, patience time.Duration) error {
	stopped, err := a.Procs.Stop(name, patience)
	if err != nil {
		return err
	}
	if !stopped {
		return a.say("%s: was not running\n", name)
	}
	return a.say("%s: stopped\n", name)
}
