package lambda

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/google/uuid"

	"sensor-backend/emulator/awsapi"
	"sensor-backend/emulator/logs"
	"sensor-backend/emulator/process"
)

const (
	// initTimeout is how long Lambda gives an environment to ask for its first event.
	initTimeout = 10 * time.Second
	// sandboxUser is the user that Lambda runs functions as.
	sandboxUser = "993:990"
	taskRoot    = "/var/task"
)

// environment is one execution environment: a process of a version's code that
// answers one event after the other.
type environment struct {
	key     string
	version string // region, function and version
	config  configuration
	dir     string
	proc    *process.Process
	server  *http.Server
	stream  *logs.Stream
	output  *output

	// next hands the event to the process when it asks for one.
	next chan *invocation

	mu      sync.Mutex
	current *invocation
	once    sync.Once
}

// start unpacks the code and starts its bootstrap.
func (s *Service) start(ctx context.Context, key, region string, c configuration, zip []byte) (_ *environment, err error) {
	id := uuid.NewString()
	e := &environment{
		key: key, version: region + "/" + c.FunctionName + "/" + c.Version, config: c,
		dir: filepath.Join(s.config.Dir, id), next: make(chan *invocation),
	}
	defer func() {
		if err != nil {
			e.close()
		}
	}()
	role, err := s.take(ctx, region, c)
	if err != nil {
		return nil, err
	}
	if err := unpack(zip, filepath.Join(e.dir, taskRoot)); err != nil {
		return nil, fmt.Errorf("unpack the code of %s: %w", e.version, err)
	}
	if err := process.Furnish(e.dir); err != nil {
		return nil, err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("open the runtime API: %w", err)
	}
	e.server = &http.Server{Handler: e.runtimeAPI(), ReadHeaderTimeout: time.Minute}
	go func() { _ = e.server.Serve(listener) }()
	name := fmt.Sprintf("%s/[%s]%s", time.Now().UTC().Format("2006/01/02"), c.Version, id)
	if e.stream, err = s.openLog(ctx, role, region, c.logGroup(), name); err != nil {
		return nil, err
	}
	e.output = &output{to: io.Discard}
	if e.stream != nil {
		e.output.to = e.stream
	}
	e.proc, err = process.Start(process.Spec{
		Root: e.dir, Dir: taskRoot, Args: []string{taskRoot + "/bootstrap"}, User: sandboxUser,
		Env:    append(variables(c, region, s.config.Endpoint, listener.Addr().String(), name), keys(role)...),
		Stdout: e.output, Stderr: e.output,
	})
	return e, err
}

// openLog opens the stream of an environment; nil where the role may not write it.
// As in Lambda a group that is missing is made, if the role may.
func (s *Service) openLog(ctx context.Context, role Role, region, group, name string) (*logs.Stream, error) {
	if !s.mayLog(ctx, role, region, group, name) {
		return nil, nil
	}
	stream, err := logs.Open(ctx, s.moto, region, group, name)
	if !awsapi.IsCode(err, "ResourceNotFoundException") {
		return stream, err
	}
	if role != nil {
		if err := role.May(ctx, "logs:CreateLogGroup", logARN(region, group, ""), nil); err != nil {
			s.log.Warn("a function may not make its log group", "group", group, "error", err)
			return nil, nil // it runs without a log
		}
	}
	if err := logs.CreateGroup(ctx, s.moto, region, group); err != nil {
		return nil, fmt.Errorf("make the log group %s: %w", group, err)
	}
	return logs.Open(ctx, s.moto, region, group, name)
}

// variables are the function's own environment, what Lambda documents, whose
// names a function cannot take, and the emulator's address.
func variables(c configuration, region, endpoint, api, stream string) []string {
	own := make([]string, 0, len(c.Environment.Variables))
	for name, value := range c.Environment.Variables {
		own = append(own, name+"="+value)
	}
	return append(own,
		"PATH=/usr/local/bin:/usr/bin:/bin:/opt/bin", "LANG=en_US.UTF-8", "TZ=:UTC",
		"_HANDLER="+c.Handler, "LAMBDA_TASK_ROOT="+taskRoot, "LAMBDA_RUNTIME_DIR=/var/runtime",
		"AWS_LAMBDA_RUNTIME_API="+api, "AWS_REGION="+region, "AWS_DEFAULT_REGION="+region,
		"AWS_LAMBDA_FUNCTION_NAME="+c.FunctionName, "AWS_LAMBDA_FUNCTION_VERSION="+c.Version,
		fmt.Sprintf("AWS_LAMBDA_FUNCTION_MEMORY_SIZE=%d", c.MemorySize),
		"AWS_LAMBDA_LOG_GROUP_NAME="+c.logGroup(), "AWS_LAMBDA_LOG_STREAM_NAME="+stream,
		"AWS_LAMBDA_INITIALIZATION_TYPE=on-demand",
		"AWS_ENDPOINT_URL="+endpoint, "AWS_S3_USE_PATH_STYLE=true",
	)
}

// outcome is how an event ended in an environment.
type outcome struct {
	payload []byte
	failed  bool
	tail    []byte
	// usable says whether the environment can take another event.
	usable bool
}

// run lets the process answer one event. Taken is false if the process ended
// before it took the event.
func (e *environment) run(ctx context.Context, call *invocation) (o outcome, taken bool) {
	call.version = e.config.Version
	start := time.Now()
	ended := func(o outcome) outcome {
		o.tail = e.output.end(call, time.Since(start), e.config.MemorySize)
		return o
	}
	limit := time.NewTimer(initTimeout)
	defer limit.Stop()
	select {
	case e.next <- call:
	case <-e.proc.Done():
		return ended(e.exited(call)), false
	case <-ctx.Done():
		return outcome{}, true
	case <-limit.C:
		return ended(failure("Sandbox.Timedout", "RequestId: %s Error: Task timed out after %.2f seconds", call.id, initTimeout.Seconds())), true
	}
	e.output.begin(call)
	limit.Reset(call.timeout)
	select {
	case a := <-call.done:
		o = outcome{payload: a.payload, failed: a.failed, usable: true}
	case <-e.proc.Done():
		o = e.exited(call)
	case <-ctx.Done():
	case <-limit.C:
		o = failure("Sandbox.Timedout", "RequestId: %s Error: Task timed out after %.2f seconds", call.id, call.timeout.Seconds())
		// The process is still at it.
		e.proc.Signal(syscall.SIGKILL)
		<-e.proc.Done()
	}
	return ended(o), true
}

func (e *environment) exited(call *invocation) outcome {
	return failure("Runtime.ExitError", "RequestId: %s Error: Runtime exited with error: exit status %d", call.id, e.proc.ExitCode())
}

// failure is an outcome that Lambda itself words.
func failure(kind, format string, args ...any) outcome {
	// Two strings always have a JSON form.
	payload, _ := json.Marshal(map[string]string{"errorType": kind, "errorMessage": fmt.Sprintf(format, args...)})
	return outcome{payload: payload, failed: true}
}

// close ends the process and removes what belongs to it.
func (e *environment) close() {
	e.once.Do(func() {
		if e.proc != nil {
			e.proc.Signal(syscall.SIGKILL)
			<-e.proc.Done()
		}
		if e.server != nil {
			_ = e.server.Close()
		}
		if e.stream != nil {
			_ = e.stream.Close()
		}
		_ = os.RemoveAll(e.dir)
	})
}
