package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"sensor-backend/emulator/awsapi"
	"sensor-backend/emulator/ecs/scheduler"
	"sensor-backend/emulator/elb"
	"sensor-backend/emulator/faults"
	"sensor-backend/emulator/image"
	"sensor-backend/emulator/internal/testimage"
	"sensor-backend/emulator/process"
)

const repository = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/api"

// host is where the test image lies; it is set up once for all tests.
var host string

func TestMain(m *testing.M) {
	if err := process.BecomeReaper(); err != nil {
		panic(err)
	}
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	host = strings.TrimPrefix(server.URL, "http://")
	code := m.Run()
	server.Close()
	os.Exit(code)
}

var pushed sync.Once

// pushImage makes sure of repository:v1.
func pushImage(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root may change the root directory of a process")
	}
	pushed.Do(func() {
		ref, err := name.ParseReference(host+"/api:v1", name.Insecure)
		if err != nil {
			t.Fatal(err)
		}
		if err := remote.Write(ref, testimage.Image(t, testimage.Binary(t), "v1")); err != nil {
			t.Fatal(err)
		}
	})
}

// fakeMoto knows one task definition and some secrets, and keeps log events.
type fakeMoto struct {
	definition Definition
	parameters map[string]string
	secrets    map[string]string
	noLogs     bool

	mu     sync.Mutex
	groups []string
	events map[string][]string
}

func (f *fakeMoto) JSON(_ context.Context, _, target string, in, out any) error {
	raw, err := json.Marshal(in)
	if err != nil {
		return err
	}
	var asked struct {
		Definition string `json:"taskDefinition"`
		Name       string
		SecretID   string `json:"SecretId"`
		Group      string `json:"logGroupName"`
		Stream     string `json:"logStreamName"`
		Events     []struct {
			Message string `json:"message"`
		} `json:"logEvents"`
	}
	if err := json.Unmarshal(raw, &asked); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	answer := func(v any) error {
		raw, err := json.Marshal(v)
		if err != nil {
			return err
		}
		return json.Unmarshal(raw, out)
	}
	switch _, operation, _ := strings.Cut(target, "."); operation {
	case "DescribeTaskDefinition":
		if asked.Definition != "api:1" {
			return awsapi.Errorf("ClientException", "Unable to describe task definition.")
		}
		return answer(map[string]any{"taskDefinition": f.definition})
	case "GetParameter":
		if value, ok := f.parameters[asked.Name]; ok {
			return answer(map[string]any{"Parameter": map[string]string{"Value": value}})
		}
		return awsapi.Errorf("ParameterNotFound", "Parameter %s not found.", asked.Name)
	case "GetSecretValue":
		if value, ok := f.secrets[asked.SecretID]; ok {
			return answer(map[string]string{"SecretString": value})
		}
		return awsapi.Errorf("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
	case "CreateLogGroup":
		f.groups = append(f.groups, asked.Group)
	case "CreateLogStream":
		if f.noLogs {
			return awsapi.Errorf("ResourceNotFoundException", "The specified log group does not exist.")
		}
	case "PutLogEvents":
		for _, e := range asked.Events {
			f.events[asked.Group+":"+asked.Stream] = append(f.events[asked.Group+":"+asked.Stream], e.Message)
		}
	default:
		return fmt.Errorf("the fake has no %s", target)
	}
	return nil
}

func (f *fakeMoto) logged(stream string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Join(f.events[stream], "\n")
}

// fakeBalancer takes targets and finds them as told.
type fakeBalancer struct {
	state string
	// every is how often it tells; once when zero.
	every time.Duration

	mu      sync.Mutex
	address map[string]string
	stop    chan struct{}
}

func (f *fakeBalancer) Register(group, id, address string, _ elb.HealthCheck, tell func(state, reason string)) {
	f.mu.Lock()
	f.address[group+" "+id] = address
	f.mu.Unlock()
	go func() {
		for {
			tell(f.state, "as told")
			if f.every == 0 {
				return
			}
			select {
			case <-time.After(f.every):
			case <-f.stop:
				return
			}
		}
	}()
}

func (f *fakeBalancer) Deregister(group, id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.address[group+" "+id] != "" && f.every > 0 {
		close(f.stop)
	}
	delete(f.address, group+" "+id)
}

func (f *fakeBalancer) at(key string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.address[key]
}

// bench is a launcher with its fakes.
type bench struct {
	*Launcher
	moto     *fakeMoto
	balancer *fakeBalancer
	faults   *faults.Set
}

// newBench makes a launcher of tasks with these containers; a container without
// an image gets the test image.
func newBench(t *testing.T, containers ...Container) *bench {
	t.Helper()
	pushImage(t)
	for i := range containers {
		if containers[i].Image == "" {
			containers[i].Image = repository + ":v1"
		}
	}
	b := &bench{
		moto:     &fakeMoto{definition: Definition{Containers: containers}, events: map[string][]string{}},
		balancer: &fakeBalancer{state: elb.Healthy, address: map[string]string{}, stop: make(chan struct{})},
		faults:   &faults.Set{},
	}
	b.Launcher = NewLauncher(Config{
		Moto: b.moto, Puller: image.Puller{Registry: host}, Balancer: b.balancer, Faults: b.faults, Dir: t.TempDir(),
		Checks:   func(context.Context, string) (elb.HealthCheck, error) { return elb.HealthCheck{}, nil },
		Endpoint: "http://aws:5000", Speed: 100, Settle: 10 * time.Millisecond, Log: slog.New(slog.DiscardHandler),
	})
	return b
}

// under is a task under test and what it reports.
type under struct {
	*Task
	t       *testing.T
	reports chan scheduler.Observation
}

func (b *bench) launch(t *testing.T, change ...func(*Spec)) *under {
	t.Helper()
	spec := Spec{ID: "0123", Region: "eu-central-1", Service: "web", Definition: "api:1"}
	for _, f := range change {
		f(&spec)
	}
	u := &under{t: t, reports: make(chan scheduler.Observation, 1000)}
	u.Task = b.Launch(spec, func(o scheduler.Observation) { u.reports <- o })
	t.Cleanup(func() {
		u.Stop()
		<-u.Done()
	})
	return u
}

// until waits for a report of a kind, past notes; any other is a failure.
func (u *under) until(kind scheduler.Kind) scheduler.Observation {
	u.t.Helper()
	limit := time.After(30 * time.Second)
	for {
		select {
		case o := <-u.reports:
			if o.Kind == kind {
				return o
			}
			if o.Kind != scheduler.Note {
				u.t.Fatalf("the task reported %+v, want kind %d", o, kind)
			}
		case <-limit:
			u.t.Fatalf("the task does not report kind %d", kind)
		}
	}
}

// end stops the task and gives its last report.
func (u *under) end() scheduler.Observation {
	u.t.Helper()
	u.Stop()
	return u.until(scheduler.Ended)
}

func (u *under) ready() {
	u.t.Helper()
	for _, kind := range []scheduler.Kind{scheduler.Pulled, scheduler.Launched, scheduler.Ready} {
		u.until(kind)
	}
}
