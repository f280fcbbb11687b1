package task

import (
	"context"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"sensor-backend/emulator/elb"
	"sensor-backend/emulator/process"
	"sensor-backend/emulator/rollout"
)

const (
	healthPoll   = 200 * time.Millisecond
	defaultGrace = 30 * time.Second
)

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
					r.report(rollout.Observation{Kind: rollout.Ready, Containers: r.snapshot()})
				}
			case time.Since(began) < time.Duration(float64(r.spec.Grace)/r.config.Speed):
			default:
				r.report(rollout.Observation{Kind: rollout.Unhealthy, Reason: v.reason, Containers: r.snapshot()})
			}
		}
	}
}

// verdict is what one health check says.
type verdict struct {
	well   bool
	reason string
}

// beginChecks starts all health checks and says how many must pass.
func (r *run) beginChecks(ctx context.Context, watchers *sync.WaitGroup, verdicts chan<- verdict) (count int) {
	tell := func(v verdict) {
		select {
		case verdicts <- v:
		case <-ctx.Done():
		}
	}
	for _, c := range r.containers {
		if c.definition.HealthCheck.Args() == nil {
			continue
		}
		count++
		watchers.Go(func() { r.checkContainer(ctx, c, tell) })
	}
	for _, lb := range r.spec.LoadBalancers {
		port, ok := r.portOf(lb)
		if lb.TargetGroup == "" || !ok {
			continue
		}
		count++
		watchers.Go(func() {
			check, err := r.config.Checks(ctx, lb.TargetGroup)
			if err != nil {
				tell(verdict{reason: fmt.Sprintf("Task failed to register in (target-group %s): %v", lb.TargetGroup, err)})
				return
			}
			id := r.spec.ID
			r.mu.Lock()
			r.targets = append(r.targets, lb.TargetGroup)
			r.mu.Unlock()
			well := false
			r.config.Balancer.Register(lb.TargetGroup, id, fmt.Sprintf("127.0.0.1:%d", port), check, func(state, reason string) {
				if state == elb.Healthy && !well {
					well = true
					tell(verdict{well: true})
				}
				if state == elb.Unhealthy {
					tell(verdict{reason: fmt.Sprintf("Task failed ELB health checks in (target-group %s): %s", lb.TargetGroup, reason)})
				}
			})
		})
	}
	return count
}

func (r *run) portOf(lb LoadBalancer) (int, bool) {
	for _, c := range r.containers {
		if c.definition.Name == lb.Container {
			port, ok := c.ports[lb.Port]
			return port, ok
		}
	}
	return 0, false
}

// checkContainer runs a container's health check: often until it passes once,
// then as often as stated. Failures count once an interval.
func (r *run) checkContainer(ctx context.Context, c *container, tell func(verdict)) {
	check := c.definition.HealthCheck
	interval := max(time.Duration(float64(check.interval())/r.config.Speed), healthPoll)
	patience := time.Duration(float64(check.StartPeriod) * float64(time.Second) / r.config.Speed)
	began, last := time.Now(), time.Now()
	bad, well := 0, false
	pause := healthPoll
	for wait(ctx, pause) == nil {
		if r.probe(ctx, c, check) {
			bad = 0
			pause = interval
			r.setHealth(c, "HEALTHY")
			if !well {
				well = true
				tell(verdict{well: true})
			}
			continue
		}
		if ctx.Err() != nil {
			return
		}
		pause = healthPoll
		now := time.Now()
		if now.Sub(began) < patience || now.Sub(last) < interval {
			continue
		}
		last = now
		if bad++; bad >= check.retries() {
			bad = 0
			r.setHealth(c, "UNHEALTHY")
			tell(verdict{reason: "Task failed container health checks"})
		}
	}
}

func (r *run) setHealth(c *container, health string) {
	r.mu.Lock()
	changed := c.health != health
	c.health = health
	r.mu.Unlock()
	if changed {
		r.note()
	}
}

// probe runs a health check command once, in the container's place.
func (r *run) probe(ctx context.Context, c *container, check *HealthCheck) bool {
	spec := c.process
	spec.Args, spec.Stdout, spec.Stderr = check.Args(), nil, nil
	proc, err := process.Start(spec)
	if err != nil {
		return false
	}
	if r.fault.Hang {
		suspend(proc)
	}
	timer := time.NewTimer(check.timeout())
	defer timer.Stop()
	select {
	case <-proc.Done():
		return proc.ExitCode() == 0
	case <-timer.C:
	case <-ctx.Done():
	}
	proc.Signal(syscall.SIGKILL)
	<-proc.Done()
	return false
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
	for _, port := range r.held {
		r.ports.release(port)
	}
	if err := os.RemoveAll(r.dir); err != nil {
		r.config.Log.Warn("removing a task's files", "task", r.spec.ID, "error", err)
	}
}

func suspend(p *process.Process) { p.Signal(syscall.SIGSTOP) }
