// Package ecs gives moto's ECS its life: services whose deployments roll out
// and run real tasks. What the API says of a service is moto's record of it,
// overlaid with what is really going on.
package ecs

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	"sensor-backend/emulator/ecs/agent"
	"sensor-backend/emulator/ecs/scheduler"
)

const target = "AmazonEC2ContainerServiceV20141113."

// Moto calls JSON operations of moto.
type Moto interface {
	JSON(ctx context.Context, region, target string, in, out any) error
}

// Handle is a task under way.
type Handle interface {
	Stop()
	Done() <-chan struct{}
}

// Launcher starts tasks.
type Launcher interface {
	Launch(spec agent.Spec, report func(scheduler.Observation)) Handle
}

// Traffic is a load balancer whose traffic between target groups can be set.
type Traffic interface {
	// Split sends requests for any of the target groups to each of them by its
	// share.
	Split(shares map[string]float64)
}

// Config is what a Controller works with.
type Config struct {
	Moto     Moto
	Launcher Launcher
	Traffic  Traffic
	Clock    func() time.Time
	// Minute is how long a minute of a deployment's bake times takes.
	Minute time.Duration
	Log    *slog.Logger
}

// Controller schedules all services.
type Controller struct {
	config Config

	mu         sync.Mutex
	services   map[string]*service    // by ARN
	standalone map[string]*standalone // by task id
	handles    map[string]Handle      // by task id
	closed     bool
}

// service is one scheduled service and what it was created with.
type service struct {
	roll       *scheduler.Service
	region     string
	arn        string
	clusterARN string
	settings   settings
	createdAt  time.Time
	// steered is the traffic of the two target groups as it was last set.
	steered [2]float64
}

// New makes a Controller. Run makes it work.
func New(config Config) *Controller {
	return &Controller{
		config: config, services: map[string]*service{}, standalone: map[string]*standalone{}, handles: map[string]Handle{},
	}
}

// Run schedules until ctx ends, then stops all tasks and waits for them.
func (c *Controller) Run(ctx context.Context) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			c.mu.Lock()
			for _, s := range c.services {
				c.step(s)
			}
			c.mu.Unlock()
		case <-ctx.Done():
			c.close()
			return
		}
	}
}

func (c *Controller) close() {
	c.mu.Lock()
	c.closed = true
	handles := make([]Handle, 0, len(c.handles))
	for _, h := range c.handles {
		handles = append(handles, h)
		h.Stop()
	}
	c.mu.Unlock()
	for _, h := range handles {
		<-h.Done()
	}
}

// step lets a service decide and does what it says; c.mu is held.
func (c *Controller) step(s *service) {
	if !c.closed {
		c.do(s, s.roll.Step(c.config.Clock()))
		c.steer(s)
	}
}

// steer sends the service's traffic to its two target groups as it stands.
func (c *Controller) steer(s *service) {
	primary, alternate := s.roll.Traffic()
	now := [2]float64{primary, alternate}
	if now == s.steered || primary+alternate == 0 {
		return
	}
	s.steered = now
	for _, lb := range s.settings.LoadBalancers {
		if lb.Advanced.Alternate != "" {
			c.config.Traffic.Split(map[string]float64{lb.TargetGroup: primary, lb.Advanced.Alternate: alternate})
		}
	}
}

func (c *Controller) do(s *service, commands []scheduler.Command) {
	for _, command := range commands {
		switch {
		case command.Start != nil:
			c.start(s, command.Start)
		case command.Stop != nil:
			if h := c.handles[command.Stop.ID]; h != nil {
				h.Stop()
			}
		}
	}
}

func (c *Controller) start(s *service, t *scheduler.Task) {
	config, _ := t.Revision.Config.(settings)
	spec := agent.Spec{
		ID: t.ID, Region: s.region, Cluster: lastPart(s.clusterARN), Service: s.roll.Name, Definition: t.Revision.TaskDefinition,
		LoadBalancers: config.balancersOf(t), Grace: time.Duration(config.grace()) * time.Second,
	}
	id := t.ID
	// A launcher reports from its own goroutine, so holding the lock is safe.
	c.handles[id] = c.config.Launcher.Launch(spec, func(o scheduler.Observation) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.do(s, s.roll.Observe(c.config.Clock(), id, o))
		if o.Kind == scheduler.Ended {
			delete(c.handles, id)
			c.config.Log.Debug("task ended", "service", s.roll.Name, "task", id, "code", o.Code, "reason", o.Reason)
		}
		c.step(s)
	})
}

// find looks a service up by name or ARN in a cluster given by name or ARN.
func (c *Controller) find(region, cluster, name string) *service {
	if strings.HasPrefix(name, "arn:") {
		if s := c.services[name]; s != nil {
			return s
		}
	}
	if cluster == "" {
		cluster = "default"
	}
	for _, s := range c.services {
		if s.region == region && lastPart(s.clusterARN) == lastPart(cluster) && s.roll.Name == lastPart(name) {
			return s
		}
	}
	return nil
}
