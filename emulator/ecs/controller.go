// Package ecs gives moto's ECS its life: services whose deployments roll out
// and run real tasks. What the API says of a service is moto's record of it,
// overlaid with what is really going on.
package ecs

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"log/slog"
	"math/big"
	"strings"
	"sync"
	"time"

	"sensor-backend/emulator/awsapi"
	"sensor-backend/emulator/rollout"
	"sensor-backend/emulator/task"
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
	Launch(spec task.Spec, report func(rollout.Observation)) Handle
}

// Controller schedules all services.
type Controller struct {
	moto     Moto
	launcher Launcher
	clock    func() time.Time
	log      *slog.Logger

	mu       sync.Mutex
	services map[string]*service // by ARN
	handles  map[string]Handle   // by task id
	closed   bool
}

// service is one scheduled service and what it was created with.
type service struct {
	roll       *rollout.Service
	region     string
	arn        string
	clusterARN string
	settings   settings
	createdAt  time.Time
}

// New makes a Controller. Run makes it work.
func New(moto Moto, launcher Launcher, clock func() time.Time, log *slog.Logger) *Controller {
	return &Controller{
		moto: moto, launcher: launcher, clock: clock, log: log,
		services: map[string]*service{}, handles: map[string]Handle{},
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
		c.do(s, s.roll.Step(c.clock()))
	}
}

func (c *Controller) do(s *service, commands []rollout.Command) {
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

func (c *Controller) start(s *service, t *rollout.Task) {
	config, _ := t.Revision.Config.(settings)
	spec := task.Spec{
		ID: t.ID, Region: s.region, Service: s.roll.Name, Definition: t.Revision.TaskDefinition,
		LoadBalancers: config.LoadBalancers, Grace: time.Duration(config.grace()) * time.Second,
	}
	id := t.ID
	// A launcher reports from its own goroutine, so holding the lock is safe.
	c.handles[id] = c.launcher.Launch(spec, func(o rollout.Observation) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.do(s, s.roll.Observe(c.clock(), id, o))
		if o.Kind == rollout.Ended {
			delete(c.handles, id)
			c.log.Debug("task ended", "service", s.roll.Name, "task", id, "code", o.Code, "reason", o.Reason)
		}
		c.step(s)
	})
}

// newID makes ids that look like those of AWS.
func newID(kind string) string {
	switch kind {
	case "deployment":
		return "ecs-svc/" + digits(19)
	case "task":
		return randomHex(16)
	case "event":
		h := randomHex(16)
		return fmt.Sprintf("%s-%s-%s-%s-%s", h[:8], h[8:12], h[12:16], h[16:20], h[20:])
	}
	return digits(19)
}

func digits(n int) string {
	low := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n-1)), nil)
	span := new(big.Int).Mul(low, big.NewInt(9))
	v, err := rand.Int(rand.Reader, span)
	if err != nil {
		v = big.NewInt(time.Now().UnixNano())
	}
	return v.Add(v, low).String()
}

func randomHex(n int) string {
	raw := make([]byte, n)
	_, _ = rand.Read(raw) // never fails: it ends the program instead
	return hex.EncodeToString(raw)
}

func lastPart(arn string) string {
	return arn[strings.LastIndexByte(arn, '/')+1:]
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

// Metadata answers the task metadata endpoint for a container of a task.
func (c *Controller) Metadata(taskID, containerName string) (any, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.services {
		for _, t := range s.roll.Tasks {
			if t.ID != taskID {
				continue
			}
			for _, container := range t.Containers {
				if container.Name == containerName || containerName == "" {
					return metadata(s, t, container), true
				}
			}
		}
	}
	return nil, false
}

// TaskMetadata answers …/task of the metadata endpoint.
func (c *Controller) TaskMetadata(taskID string) (any, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.services {
		for _, t := range s.roll.Tasks {
			if t.ID != taskID {
				continue
			}
			containers := []any{}
			for _, container := range t.Containers {
				containers = append(containers, metadata(s, t, container))
			}
			family, revision := splitDefinition(t.Revision.TaskDefinition)
			return map[string]any{
				"Cluster": s.clusterARN, "TaskARN": taskARN(s, t.ID), "Family": family, "Revision": revision,
				"DesiredStatus": desiredStatus(t), "KnownStatus": lastStatus(t), "Containers": containers,
				"ServiceName": s.roll.Name, "LaunchType": "FARGATE",
			}, true
		}
	}
	return nil, false
}

func metadata(s *service, t *rollout.Task, container rollout.Container) any {
	family, revision := splitDefinition(t.Revision.TaskDefinition)
	return map[string]any{
		"DockerId": t.ID, "Name": container.Name, "DockerName": container.Name,
		"Image": container.Image, "ImageID": container.Digest,
		"Labels": map[string]string{
			"com.amazonaws.ecs.cluster": s.clusterARN, "com.amazonaws.ecs.container-name": container.Name,
			"com.amazonaws.ecs.task-arn": taskARN(s, t.ID), "com.amazonaws.ecs.task-definition-family": family,
			"com.amazonaws.ecs.task-definition-version": revision,
		},
		"DesiredStatus": desiredStatus(t), "KnownStatus": lastStatus(t), "CreatedAt": t.CreatedAt.UTC().Format(time.RFC3339Nano),
		"Type": "NORMAL",
	}
}

func splitDefinition(arn string) (family, revision string) {
	family, revision, _ = strings.Cut(lastPart(arn), ":")
	return family, revision
}

func taskARN(s *service, id string) string {
	return "arn:aws:ecs:" + s.region + ":" + awsapi.DefaultAccount + ":task/" + lastPart(s.clusterARN) + "/" + id
}

func (s *service) part(kind, id string) string {
	return "arn:aws:ecs:" + s.region + ":" + awsapi.DefaultAccount + ":" + kind + "/" + lastPart(s.clusterARN) + "/" + s.roll.Name + "/" + id
}
