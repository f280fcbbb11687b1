// Package lambda runs the functions that are deployed: it unpacks a version's
// zip and lets the zip's own bootstrap answer events over the Lambda Runtime
// API, by version, alias and weight, synchronously or with retries.
package lambda

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/google/uuid"
)

// Config is what a Service works with.
type Config struct {
	// Moto keeps the functions.
	Moto Moto
	// Dir holds the file systems of running functions.
	Dir string
	// Endpoint is the emulator's address as functions reach it.
	Endpoint string
	// Roles takes the roles of functions; without it all runs as the administrator.
	Roles Roles
	// Speed is how many times faster than AWS an asynchronous event is tried again.
	Speed float64
	// Log takes what goes wrong behind an asynchronous event.
	Log *slog.Logger
}

// Service invokes functions.
type Service struct {
	moto   Moto
	config Config
	draw   func() float64
	log    *slog.Logger

	// ctx ends with Close; working counts what Close waits for.
	ctx     context.Context
	end     context.CancelFunc
	working sync.WaitGroup

	mu   sync.Mutex
	idle map[string][]*environment
}

// New makes a Service; Close ends it.
func New(config Config) *Service {
	ctx, end := context.WithCancel(context.Background())
	return &Service{
		moto: config.Moto, config: config, draw: rand.Float64, log: config.Log,
		ctx: ctx, end: end, idle: map[string][]*environment{},
	}
}

// Close ends all running functions and drops the events that wait.
func (s *Service) Close() {
	s.end()
	s.working.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, waiting := range s.idle {
		for _, e := range waiting {
			e.close()
		}
	}
	s.idle = nil
}

// Result is how one invocation ended.
type Result struct {
	// RequestID is the invocation's.
	RequestID string
	// Version is the version that ran.
	Version string
	// Payload is the function's answer, or its error as a JSON object.
	Payload []byte
	// Failed is set when the payload is an error.
	Failed bool
	// LogTail is the end of what the function printed, at most 4 KiB.
	LogTail []byte

	configuration configuration
}

// Invoke runs one event and waits for its end. An error means that the function
// did not run; that it ran and failed is in the result.
func (s *Service) Invoke(ctx context.Context, name Name, payload []byte) (Result, error) {
	return s.invoke(ctx, name, uuid.NewString(), payload)
}

func (s *Service) invoke(ctx context.Context, name Name, requestID string, payload []byte) (Result, error) {
	c, err := s.resolve(ctx, name)
	if err != nil {
		return Result{}, err
	}
	result := Result{RequestID: requestID, Version: c.Version, configuration: c}
	call := &invocation{
		id: requestID, payload: payload, arn: invokedARN(c, name.Qualifier),
		timeout: time.Duration(max(c.Timeout, 1)) * time.Second, done: make(chan answer, 1),
	}
	for {
		e, fresh, err := s.acquire(ctx, name.Region, c)
		if err != nil {
			return Result{}, err
		}
		outcome, taken := e.run(ctx, call)
		if !taken && !fresh {
			// It had died while it was idle: that is not the event's fault.
			e.close()
			continue
		}
		result.Payload, result.Failed, result.LogTail = outcome.payload, outcome.failed, outcome.tail
		s.release(e, outcome.usable)
		return result, ctx.Err()
	}
}

// acquire takes a waiting environment of this very version, or starts one.
func (s *Service) acquire(ctx context.Context, region string, c configuration) (e *environment, fresh bool, err error) {
	key := fmt.Sprintf("%s/%s/%s/%s/%s", region, c.FunctionName, c.Version, c.CodeSHA256, c.RevisionID)
	s.mu.Lock()
	if waiting := s.idle[key]; len(waiting) > 0 {
		e = waiting[len(waiting)-1]
		s.idle[key] = waiting[:len(waiting)-1]
	}
	s.mu.Unlock()
	if e != nil {
		return e, false, nil
	}
	zip, err := s.code(ctx, region, c)
	if err != nil {
		return nil, false, err
	}
	e, err = s.start(ctx, key, region, c, zip)
	return e, true, err
}

// release keeps an environment for the next event, or ends it.
func (s *Service) release(e *environment, usable bool) {
	if usable && s.keep(e) {
		return
	}
	e.close()
}

// maxIdle is how many environments of one version wait for events.
const maxIdle = 2

func (s *Service) keep(e *environment) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.idle == nil || s.ctx.Err() != nil || len(s.idle[e.key]) >= maxIdle {
		return false
	}
	s.retire(e)
	s.idle[e.key] = append(s.idle[e.key], e)
	return true
}

// retire ends the waiting environments of other states of the same version:
// nothing will ask for them again. s.mu is held.
func (s *Service) retire(current *environment) {
	for key, waiting := range s.idle {
		if key == current.key {
			continue
		}
		for i := len(waiting) - 1; i >= 0; i-- {
			if old := waiting[i]; old.version == current.version {
				go old.close()
				waiting = append(waiting[:i], waiting[i+1:]...)
			}
		}
		s.idle[key] = waiting
		if len(waiting) == 0 {
			delete(s.idle, key)
		}
	}
}

// invokedARN is the function's ARN as the caller qualified it.
func invokedARN(c configuration, qualifier string) string {
	name, err := ParseName(c.FunctionARN, "")
	if err != nil {
		return c.FunctionARN
	}
	arn := c.FunctionARN
	if name.Qualifier != "" {
		arn = arn[:len(arn)-len(name.Qualifier)-1]
	}
	if qualifier != "" {
		arn += ":" + qualifier
	}
	return arn
}
