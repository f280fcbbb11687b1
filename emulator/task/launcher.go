package task

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"sensor-backend/emulator/elb"
	"sensor-backend/emulator/faults"
	"sensor-backend/emulator/image"
	"sensor-backend/emulator/logs"
	"sensor-backend/emulator/process"
	"sensor-backend/emulator/rollout"
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
	ID         string
	Region     string
	Cluster    string
	Service    string
	Definition string
	// LoadBalancers are the service's.
	LoadBalancers []LoadBalancer
	// Grace is how long failing health checks are overlooked.
	Grace time.Duration
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
// rollout.Ended.
func (l *Launcher) Launch(spec Spec, report func(rollout.Observation)) *Task {
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
	spec    Spec
	report  func(rollout.Observation)
	dir     string
	fault   faults.Task
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
	end := rollout.Observation{Kind: rollout.Ended, Containers: r.snapshot()}
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
	for _, c := range definition.Containers {
		images = append(images, c.Image)
		r.containers = append(r.containers, &container{definition: c, health: "UNKNOWN", ports: map[int]int{}})
	}
	r.note()
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
	r.report(rollout.Observation{Kind: rollout.Pulled, Containers: r.snapshot()})
	for _, c := range r.containers {
		if err := r.start(c); err != nil {
			return err
		}
	}
	r.report(rollout.Observation{Kind: rollout.Launched, Containers: r.snapshot()})
	return r.watch(ctx)
}

// prepare pulls and unpacks a container and works out how to run it.
func (r *run) prepare(ctx context.Context, c *container) error {
	found, err := r.config.Puller.Resolve(ctx, c.definition.Image)
	if err != nil {
		return cannotStart("CannotPullContainerError: pull image manifest has been retried 1 time(s): %v", err)
	}
	r.mu.Lock()
	c.digest = found.Digest
	r.mu.Unlock()
	c.root = filepath.Join(r.dir, c.definition.Name)
	if err := os.MkdirAll(c.root, 0o755); err != nil { //nolint:gosec // the task's user must reach it
		return cannotStart("CannotPullContainerError: making room for the image: %v", err)
	}
	if err := found.Unpack(c.root); err != nil {
		return cannotStart("CannotPullContainerError: %v", err)
	}
	if err := process.Furnish(c.root); err != nil {
		return cannotStart("CannotCreateContainerError: %v", err)
	}
	env, err := r.environment(ctx, c, found.Config.Env)
	if err != nil {
		return cannotStart("ResourceInitializationError: unable to pull secrets or registry auth: %v", err)
	}
	d := c.definition
	c.process = process.Spec{
		Root: c.root, Args: commandLine(d, found.Config.Entrypoint, found.Config.Cmd), Env: env,
		Dir: first(d.WorkingDirectory, found.Config.WorkingDir), User: first(d.User, found.Config.User),
	}
	return r.openLog(ctx, c)
}

// commandLine combines the definition's and the image's as Docker does: an
// entry point of the definition also drops the image's command.
func commandLine(d Container, entryPoint, command []string) []string {
	if len(d.EntryPoint) > 0 {
		entryPoint, command = d.EntryPoint, nil
	}
	if len(d.Command) > 0 {
		command = d.Command
	}
	return append(append([]string{}, entryPoint...), command...)
}

// environment is the image's, the emulator's, the definition's and the secrets',
// each overriding those before it.
func (r *run) environment(ctx context.Context, c *container, fromImage []string) ([]string, error) {
	env := append([]string{"PATH=" + process.DefaultPath, "HOME=/"}, fromImage...)
	env = append(env,
		"AWS_ENDPOINT_URL="+r.config.Endpoint, "AWS_S3_USE_PATH_STYLE=true",
		"AWS_REGION="+r.spec.Region, "AWS_DEFAULT_REGION="+r.spec.Region,
		"AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_EXECUTION_ENV=AWS_ECS_FARGATE",
		"ECS_CONTAINER_METADATA_URI_V4="+r.config.Endpoint+"/_emulator/metadata/"+r.spec.ID+"/"+c.definition.Name,
	)
	for _, v := range c.definition.Environment {
		env = append(env, v.Name+"="+v.Value)
	}
	for _, s := range c.definition.Secrets {
		value, err := readSecret(ctx, r.config.Moto, r.spec.Region, s.ValueFrom)
		if err != nil {
			return nil, err
		}
		env = append(env, s.Name+"="+value)
	}
	return r.assignPorts(ctx, c, unique(env))
}

// assignPorts gives a container that is told its port by PORT one of its own:
// all tasks share the emulator's network.
func (r *run) assignPorts(ctx context.Context, c *container, env []string) ([]string, error) {
	for _, mapping := range c.definition.PortMappings {
		c.ports[mapping.ContainerPort] = mapping.ContainerPort
		if process.Getenv(env, "PORT", "") != strconv.Itoa(mapping.ContainerPort) {
			continue
		}
		port, err := r.ports.take(ctx)
		if err != nil {
			return nil, err
		}
		r.held = append(r.held, port)
		c.ports[mapping.ContainerPort] = port
		env = unique(append(env, "PORT="+strconv.Itoa(port)))
	}
	return env, nil
}

func (r *run) openLog(ctx context.Context, c *container) error {
	l := c.definition.Log
	if l == nil || l.Driver != "awslogs" {
		return nil
	}
	region := first(l.Options["awslogs-region"], r.spec.Region)
	group := l.Options["awslogs-group"]
	if l.Options["awslogs-create-group"] == "true" {
		if err := logs.CreateGroup(ctx, r.config.Moto, region, group); err != nil {
			return cannotStart("ResourceInitializationError: failed to create the log group %s: %v", group, err)
		}
	}
	stream := r.spec.ID
	if prefix := l.Options["awslogs-stream-prefix"]; prefix != "" {
		stream = prefix + "/" + c.definition.Name + "/" + r.spec.ID
	}
	var err error
	if c.log, err = logs.Open(ctx, r.config.Moto, region, group, stream); err != nil {
		return cannotStart("ResourceInitializationError: failed to validate logger args: %v: exit status 1", err)
	}
	c.process.Stdout, c.process.Stderr = c.log, c.log
	return nil
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
func (r *run) note() { r.report(rollout.Observation{Kind: rollout.Note, Containers: r.snapshot()}) }

func (r *run) snapshot() []rollout.Container {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]rollout.Container, 0, len(r.containers))
	for _, c := range r.containers {
		list = append(list, rollout.Container{
			Name: c.definition.Name, Image: c.definition.Image, Digest: c.digest,
			ExitCode: c.exitCode, Reason: c.reason, Health: c.health,
		})
	}
	return list
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// unique keeps the last value of each variable.
func unique(env []string) []string {
	last := map[string]int{}
	for i, entry := range env {
		name, _, _ := strings.Cut(entry, "=")
		last[name] = i
	}
	kept := make([]string, 0, len(last))
	for i, entry := range env {
		name, _, _ := strings.Cut(entry, "=")
		if last[name] == i {
			kept = append(kept, entry)
		}
	}
	return kept
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

// ports hands out free TCP ports, none twice at a time.
type ports struct {
	mu    sync.Mutex
	taken map[int]bool
}

func (p *ports) take(ctx context.Context) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for range 100 {
		listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return 0, fmt.Errorf("finding a free port: %w", err)
		}
		address, err := netip.ParseAddrPort(listener.Addr().String())
		if err = errors.Join(err, listener.Close()); err != nil {
			return 0, fmt.Errorf("finding a free port: %w", err)
		}
		port := int(address.Port())
		if !p.taken[port] {
			p.taken[port] = true
			return port, nil
		}
	}
	return 0, errors.New("finding a free port: a hundred tries gave only ports in use")
}

func (p *ports) release(port int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.taken, port)
}
