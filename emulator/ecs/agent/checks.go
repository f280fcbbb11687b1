package agent

import (
	"context"
	"fmt"
	"sync"
	"syscall"
	"time"

	"sensor-backend/emulator/elb"
	"sensor-backend/emulator/process"
)

const healthPoll = 200 * time.Millisecond

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
			r.register(ctx, lb.TargetGroup, port, tell)
		})
	}
	return count
}

// register makes the task a target, trying again where its group cannot be read.
func (r *run) register(ctx context.Context, group string, port int, tell func(verdict)) {
	check, err := r.config.Checks(ctx, group)
	for err != nil {
		tell(verdict{reason: fmt.Sprintf("Task failed to register in (target-group %s): %v", group, err)})
		if wait(ctx, healthPoll) != nil {
			return
		}
		check, err = r.config.Checks(ctx, group)
	}
	r.mu.Lock()
	r.targets = append(r.targets, group)
	r.mu.Unlock()
	well := false
	r.config.Balancer.Register(group, r.spec.ID, fmt.Sprintf("127.0.0.1:%d", port), check, func(state, reason string) {
		if state == elb.Healthy && !well {
			well = true
			tell(verdict{well: true})
		}
		if state == elb.Unhealthy {
			tell(verdict{reason: fmt.Sprintf("Task failed ELB health checks in (target-group %s): %s", group, reason)})
		}
	})
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
