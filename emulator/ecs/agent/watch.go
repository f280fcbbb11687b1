package agent

import (
	"context"
	"os"
	"sync"
	"syscall"
	"time"

	"sensor-backend/emulator/ecs/scheduler"
	"sensor-backend/emulator/process"
)

const defaultGrace = 30 * time.Second

// watch follows a started task until an essential container ends or ctx does.
func (r *run) watch(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var watchers sync.WaitGroup
	defer watchers.Wait()
	defer cancel()

	exits := make(chan *container, len(r.containers))
	for _, c := range r.containers {
		go func() {
			<-c.proc.Done()
			exits <- c
		}()
	}
	verdicts := make(chan verdict, 16)
	outstanding := r.beginChecks(ctx, &watchers, verdicts)
	if outstanding == 0 {
		outstanding = 1
		watchers.Go(func() {
			if wait(ctx, r.config.Settle) == nil {
				verdicts <- verdict{well: true}
			}
		})
	}
	var crash <-chan time.Time
	if r.fault.Crash {
		timer := time.NewTimer(r.fault.CrashAfter)
		defer timer.Stop()
		crash = timer.C
	}
	began := time.Now()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case c := <-exits:
			if err := r.exited(c); err != nil {
				return err
			}
		case <-crash:
			for _, c := range r.containers {
				c.proc.Signal(syscall.SIGKILL)
			}
		case v := <-verdicts:
			switch {
			case v.well:
				if outstanding--; outstanding == 0 {
					r.report(scheduler.Observation{Kind: scheduler.Ready, Containers: r.snapshot()})
				}
			case time.Since(began) < time.Duration(float64(r.spec.Grace)/r.config.Speed):
			default:
				r.report(scheduler.Observation{Kind: scheduler.Unhealthy, Reason: v.reason, Containers: r.snapshot()})
			}
		}
	}
}

// exited notes a container's end; it is an error for an essential one.
func (r *run) exited(c *container) error {
	code := c.proc.ExitCode()
	if r.fault.Crash {
		code = r.fault.ExitCode
	}
	r.mu.Lock()
	c.exitCode = &code
	r.mu.Unlock()
	if !c.definition.IsEssential() {
		r.note()
		return nil
	}
	return &failure{"EssentialContainerExited", "Essential container in task exited"}
}

// tearDown takes the task out of its load balancers, stops what still runs,
// last container first, and removes the file systems.
func (r *run) tearDown() {
	for _, group := range r.targets {
		r.config.Balancer.Deregister(group, r.spec.ID)
	}
	for i := len(r.containers) - 1; i >= 0; i-- {
		c := r.containers[i]
		if c.proc != nil {
			grace := defaultGrace
			if c.definition.StopTimeout > 0 {
				grace = seconds(c.definition.StopTimeout, 0)
			}
			c.proc.Stop(syscall.SIGTERM, grace)
			if c.exitCode == nil {
				code := c.proc.ExitCode()
				r.mu.Lock()
				c.exitCode = &code
				r.mu.Unlock()
			}
		}
		if c.log != nil {
			if err := c.log.Close(); err != nil {
				r.config.Log.Warn("closing a log", "task", r.spec.ID, "error", err)
			}
		}
	}
	if r.hasRole {
		r.config.Roles.Withdraw(r.spec.ID)
	}
	for _, port := range r.held {
		r.ports.release(port)
	}
	if err := os.RemoveAll(r.dir); err != nil {
		r.config.Log.Warn("removing a task's files", "task", r.spec.ID, "error", err)
	}
}

func suspend(p *process.Process) { p.Signal(syscall.SIGSTOP) }
