package scheduler

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// TestBounds lets anything happen in any order and checks after every step what
// must never be: too many tasks, too few healthy ones by the scheduler's own
// doing, a task started or stopped twice, two primaries, two open deployments.
// At the end, when all new tasks are well, the service must come to rest.
func TestBounds(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(seed, 1))
			c := &chaos{sim: newSim(t, random.IntN(7)), random: random, started: map[string]bool{}, stopped: map[string]bool{}}
			c.MinHealthy, c.Maximum = []int{0, 50, 100}[random.IntN(3)], []int{100, 150, 200}[random.IntN(3)]
			c.Breaker = Breaker{Enable: random.IntN(4) > 0, Rollback: random.IntN(3) > 0, KeepCount: random.IntN(4) == 0}
			if seed%2 == 0 {
				c.Strategy = Strategy{
					Kind: []string{BlueGreen, Linear, Canary}[random.IntN(3)], Percent: float64(3 + random.IntN(98)),
					Wait: time.Duration(random.IntN(20)) * time.Second, Bake: time.Duration(random.IntN(30)) * time.Second,
				}
			}
			c.deploy("api:0", ByCreate)
			for n := range 200 {
				c.happen(n)
				c.step()
			}
			if c.Deleted {
				return
			}
			c.rest()
		})
	}
}

type chaos struct {
	*sim
	random           *rand.Rand
	started, stopped map[string]bool
}

// happen lets something happen to a random task, or the user do something.
func (c *chaos) happen(n int) {
	c.now = c.now.Add(time.Duration(c.random.IntN(3000)) * time.Millisecond)
	switch c.random.IntN(40) {
	case 0:
		c.deploy(fmt.Sprintf("api:%d", n), ByUpdate)
		return
	case 1:
		c.Scale(c.now, c.random.IntN(7))
		return
	case 2:
		c.StopDeployment(c.now, c.ServiceDeployments[0].ID, c.random.IntN(2) == 0)
		return
	}
	if len(c.Tasks) == 0 {
		return
	}
	task := c.Tasks[c.random.IntN(len(c.Tasks))]
	kind := []Kind{Pulled, Launched, Launched, Ready, Ready, Ready, Unhealthy, Note, Ended}[c.random.IntN(9)]
	c.note(c.Observe(c.now, task.ID, Observation{Kind: kind, Reason: "chance"}))
}

func (c *chaos) note(commands []Command) {
	c.t.Helper()
	for _, command := range commands {
		seen, task := c.stopped, command.Stop
		if command.Start != nil {
			seen, task = c.started, command.Start
		}
		if seen[task.ID] {
			c.t.Fatalf("%s was started or stopped twice", task.ID)
		}
		seen[task.ID] = true
	}
}

func (c *chaos) step() {
	c.t.Helper()
	if c.Strategy.Shifts() {
		c.shiftStep()
		return
	}
	runningBefore, _ := c.Counts("")
	commands := c.Step(c.now)
	c.note(commands)
	running, pending := c.Counts("")
	for _, command := range commands {
		if command.Start != nil && running+pending > c.UpperBound() {
			c.t.Fatalf("%d tasks after a start, at most %d may be", running+pending, c.UpperBound())
		}
	}
	if running < runningBefore && running < c.LowerBound() {
		c.t.Fatalf("%d of %d healthy tasks are left, at least %d must be", running, runningBefore, c.LowerBound())
	}
	c.one()
}

// shiftStep steps a service that shifts traffic and checks that no traffic is
// lost: a fleet gets more only when it is complete, the shares are a whole, and
// who has a share is not scaled in.
func (c *chaos) shiftStep() {
	c.t.Helper()
	before := map[string]float64{}
	for _, d := range c.Deployments {
		before[d.Revision.ID] += d.Weight
	}
	newest := c.ServiceDeployments[0]
	stage := newest.Stage
	commands := c.Step(c.now)
	c.note(commands)
	served := c.lastCompleted != nil
	total := 0.0
	for _, d := range c.Deployments {
		total += d.Weight
		running, _ := c.Counts(d.ID)
		if green := d.ID == newest.Deployment; green && d.Weight > before[d.Revision.ID] && running < c.Desired {
			c.t.Fatalf("in %s %s got %.0f %% of the traffic with %d of %d tasks", newest.Stage, d.ID, d.Weight, running, c.Desired)
		}
		if d.Weight > 0 && before[d.Revision.ID] > 0 {
			for _, command := range commands {
				if command.Stop != nil && command.Stop.Deployment == d.ID && len(c.live(d.ID)) < c.Desired {
					c.t.Fatalf("a task of %s was stopped, which has %.0f %% of the traffic", d.ID, d.Weight)
				}
			}
		}
	}
	if served && total != 100 || total < 0 || total > 100 {
		c.t.Fatalf("the shares of the traffic sum up to %.1f", total)
	}
	order := append([]Stage{"", ReconcileService}, allStages()...)
	if from, to := slices.Index(order, stage), slices.Index(order, newest.Stage); to < from || to > from+1 && stage != "" {
		c.t.Fatalf("the stage went from %q to %q", stage, newest.Stage)
	}
	c.one()
}

// one checks that there is one primary and at most one open deployment.
func (c *chaos) one() {
	c.t.Helper()
	primaries, open := 0, 0
	for _, d := range c.Deployments {
		if d.Status == Primary {
			primaries++
		}
	}
	for _, sd := range c.ServiceDeployments {
		if !sd.Done() {
			open++
		}
	}
	if primaries != 1 || open > 1 {
		c.t.Fatalf("%d primaries and %d open service deployments", primaries, open)
	}
}

// rest lets every task do well and checks that the rollout then ends.
func (c *chaos) rest() {
	c.t.Helper()
	for range 200 {
		c.now = c.now.Add(maxDelay + time.Second)
		c.step()
		for _, task := range c.Tasks {
			switch task.State {
			case Pending, Activating:
				c.note(c.Observe(c.now, task.ID, Observation{Kind: Launched}))
				c.note(c.Observe(c.now, task.ID, Observation{Kind: Ready}))
			case Stopping:
				c.note(c.Observe(c.now, task.ID, Observation{Kind: Ended}))
			}
		}
	}
	p := c.Primary()
	stuck := c.UpperBound() == c.LowerBound() && !c.Strategy.Shifts() // AWS, too, cannot roll out within such bounds
	if running, _ := c.Counts(p.ID); p.State != Failed && !stuck && (running != c.Desired || p.State != Completed) {
		c.t.Errorf("at rest %d of %d run and the deployment is %s", running, c.Desired, p.State)
	}
	if sd := c.ServiceDeployments[0]; !stuck && !sd.Done() {
		c.t.Errorf("at rest the newest service deployment is %s", sd.Status)
	}
}
