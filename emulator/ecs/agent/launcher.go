package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"sensor-backend/emulator/ecs/scheduler"
	"sensor-backend/emulator/elb"
	"sensor-backend/emulator/faults"
	"sensor-backend/emulator/image"
	"sensor-backend/emulator/logs"
	"sensor-backend/emulator/process"
)

// Balancer takes the targets that tasks are.
type Balancer interface {
	Register(group, id, address string, check elb.HealthCheck, changed func(state, reason string))
	Deregister(group, id string)
}

// Faults says what shall go wrong with a task.
type Faults interface {
	ForTask(service string, images []string) faults.Task
}

// HealthChecks reads the health check of a target group.
type HealthChecks func(ctx context.Context, group string) (elb.HealthCheck, error)

// Config is what a Launcher works with.
type Config struct {
	Moto     Moto
	Puller   image.Puller
	Balancer Balancer
	Checks   HealthChecks
	Faults   Faults
	// Roles takes the roles of tasks; without it all runs as the administrator.
	Roles Roles
	// Dir holds the file systems of tasks.
	Dir string
	// Endpoint is the emulator's address as tasks reach it.
	Endpoint string
	// Speed is how many times faster than stated health check periods pass.
	Speed float64
	// Settle is how long a task without health checks must live to be well.
	Settle time.Duration
	Log    *slog.Logger
}

// Launcher starts tasks.
type Launcher struct {
	config Config
	ports  *ports
}

// NewLauncher makes a Launcher.
func NewLauncher(config Config) *Launcher {
	return &Launcher{config: config, ports: &ports{taken: map[int]bool{}}}
}

// Spec says which task to run.
type Spec struct {
	ID     string
	Region string
	// Cluster is the name of the cluster.
	Cluster    string
	Service    string
	Definition string
	// LoadBalancers are the service's.
	LoadBalancers []LoadBalancer
	// Grace is how long failing health checks are overlooked.
	Grace time.Duration
	// Overrides are by the name of the container.
	Overrides map[string]Override
}

// LoadBalancer sends requests to a port of a container.
type LoadBalancer struct {
	TargetGroup string `json:"targetGroupArn"`
	Container   string `json:"containerName"`
	Port        int    `json:"containerPort"`
}

// Task is a task that was launched.
type Task struct {
	cancel context.CancelFunc
	done   chan struct{}
}

// Stop asks the task to end; Done tells when it has.
func (t *Task) Stop() { t.cancel() }

// Done is closed when nothing of the task is left.
func (t *Task) Done() <-chan struct{} { return t.done }

// Launch runs a task and reports what becomes of it, the last time with
// scheduler.Ended.
func (l *Launcher) Launch(spec Spec, report func(scheduler.Observation)) *Task {
	ctx, cancel := context.WithCancel(context.Background())
	t := &Task{cancel: cancel, done: make(chan struct{})}
	r := &run{Launcher: l, spec: spec, report: report, dir: filepath.Join(l.config.Dir, spec.ID)}
	go func() {
		defer close(t.done)
		defer cancel()
		r.run(ctx)
	}()
	return t
}

// run is one task under way.
type run struct {
	*Launcher
	spec   Spec
	report func(scheduler.Observation)
	dir    string
	fault  faults.Task
	// starter is the execution role; nil where the definition has none.
	starter Starter
	hasRole bool
	held    []int
	targets []string

	mu         sync.Mutex
	containers []*container
}

// container is one container of a run.
type container struct {
	definition Container
	digest     string
	root       string
	process    process.Spec
	ports      map[int]int
	proc       *process.Process
	log        *logs.Stream
	exitCode   *int
	reason     string
	health     string
}

// failure is a problem with the stop code that AWS gives it.
type failure struct {
	code, reason string
}

func (f *failure) Error() string { return f.reason }

func cannotStart(format string, args ...any) *failure {
	return &failure{"TaskFailedToStart", fmt.Sprintf(format, args...)}
}

func (r *run) run(ctx context.Context) {
	err := r.work(ctx)
	r.tearDown()
	end := scheduler.Observation{Kind: scheduler.Ended, Containers: r.snapshot()}
	var f *failure
	switch {
	case errors.As(err, &f):
		end.Code, end.Reason = f.code, f.reason
	case err != nil && ctx.Err() == nil:
		end.Code, end.Reason = "TaskFailedToStart", err.Error()
	default:
		end.Code, end.Reason = "UserInitiated", "Task stopped."
	}
	r.report(end)
}

// work brings the task up and watches it until it ends or ctx does.
func (r *run) work(ctx context.Context) error {
	definition, err := Describe(ctx, r.config.Moto, r.spec.Region, r.spec.Definition)
	if err != nil {
		return cannotStart("ResourceInitializationError: unable to read the task definition: %v", err)
	}
	var images []string
	for n, c := range definition.Containers {
		c = c.with(r.spec.Overrides[c.Name])
		images = append(images, c.Image)
		root := filepath.Join(r.dir, strconv.Itoa(n)) // a name might lead elsewhere
		r.containers = append(r.containers, &container{definition: c, root: root, health: "UNKNOWN", ports: map[int]int{}})
	}
	r.note()
	if err := r.takeRoles(ctx, definition); err != nil {
		return err
	}
	if r.config.Faults != nil {
		r.fault = r.config.Faults.ForTask(r.spec.Service, images)
	}
	if err := wait(ctx, r.fault.Late); err != nil {
		return err
	}
	for _, c := range r.containers {
		if err := r.prepare(ctx, c); err != nil {
			return err
		}
	}
	r.report(scheduler.Observation{Kind: scheduler.Pulled, Containers: r.snapshot()})
	for _, c := range r.containers {
		if err := r.start(c); err != nil {
			return err
		}
	}
	r.report(scheduler.Observation{Kind: scheduler.Launched, Containers: r.snapshot()})
	return r.watch(ctx)
}

func (r *run) start(c *container) error {
	proc, err := process.Start(c.process)
	if err != nil {
		r.mu.Lock()
		c.reason = "CannotStartContainerError: ResourceInitializationError: failed to create new container runtime task: " + err.Error()
		reason := c.reason
		r.mu.Unlock()
		return cannotStart("%s", reason)
	}
	r.mu.Lock()
	c.proc = proc
	r.mu.Unlock()
	if r.fault.Hang {
		suspend(proc)
	}
	return nil
}

// note reports the containers as they are.
func (r *run) note() { r.report(scheduler.Observation{Kind: scheduler.Note, Containers: r.snapshot()}) }

func (r *run) snapshot() []scheduler.Container {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]scheduler.Container, 0, len(r.containers))
	for _, c := range r.containers {
		list = append(list, scheduler.Container{
			Name: c.definition.Name, Image: c.definition.Image, Digest: c.digest,
			ExitCode: c.exitCode, Reason: c.reason, Health: c.health,
		})
	}
	return list
}

func wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
