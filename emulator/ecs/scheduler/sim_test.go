package scheduler

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// sim drives a service whose tasks do as a test says.
type sim struct {
	*Service
	t   *testing.T
	now time.Time
	// behave gives what a started task does next, in order.
	behave func(*Task) []Observation
}

func newSim(t *testing.T, desired int) *sim {
	t.Helper()
	last := 0
	s := NewService("web", func(kind string) string {
		last++
		return fmt.Sprintf("%s-%d", kind, last)
	})
	s.Desired = desired
	s.Breaker = Breaker{Enable: true, Rollback: true}
	return &sim{Service: s, t: t, now: time.Unix(1000, 0), behave: well}
}

func well(*Task) []Observation {
	return []Observation{{Kind: Pulled}, {Kind: Launched}, {Kind: Ready}}
}

func crash(*Task) []Observation {
	return []Observation{{Kind: Pulled}, {Kind: Launched}, {Kind: Ended, Code: "EssentialContainerExited", Reason: "Essential container in task exited"}}
}

func sick(*Task) []Observation {
	return []Observation{{Kind: Pulled}, {Kind: Launched}, {Kind: Unhealthy, Reason: "Task failed container health checks"}}
}

func unpullable(*Task) []Observation {
	return []Observation{{Kind: Ended, Code: "TaskFailedToStart", Reason: "CannotPullContainerError: not found"}}
}

// misbehaviour is a way in which no task ever serves.
type misbehaviour struct {
	name   string
	behave func(*Task) []Observation
}

func misbehaviours() []misbehaviour {
	return []misbehaviour{{"crash", crash}, {"failed health check", sick}, {"image that cannot be pulled", unpullable}}
}

func silent(*Task) []Observation { return nil }

// when lets the tasks of one task definition do otherwise.
func (m *sim) when(definition string, behave func(*Task) []Observation) {
	others := m.behave
	m.behave = func(t *Task) []Observation {
		if t.Revision.TaskDefinition == definition {
			return behave(t)
		}
		return others(t)
	}
}

// deploy deploys a revision of a task definition.
func (m *sim) deploy(definition string, origin Origin) *ServiceDeployment {
	m.Deploy(m.now, Revision{ID: m.newID("revision"), TaskDefinition: definition}, origin)
	return m.ServiceDeployments[0]
}

// tick lets the service step once, well after all delays, and carries out what it says.
func (m *sim) tick() int {
	m.now = m.now.Add(maxDelay + time.Second)
	commands := m.Step(m.now)
	m.do(commands)
	return len(commands)
}

func (m *sim) do(commands []Command) {
	for _, c := range commands {
		if c.Stop != nil {
			m.do(m.Observe(m.now, c.Stop.ID, Observation{Kind: Ended, Code: "UserInitiated"}))
			continue
		}
		for _, o := range m.behave(c.Start) {
			m.do(m.Observe(m.now, c.Start.ID, o))
		}
	}
}

// settle ticks until nothing is left to do.
func (m *sim) settle() {
	m.t.Helper()
	for range 5000 {
		if quiet := m.tick() == 0; quiet && m.tick() == 0 && (!m.shifts() || m.ServiceDeployments[0].Done()) {
			return
		}
	}
	m.t.Fatalf("the service does not settle: %v", m.said())
}

func (m *sim) said() []string {
	var said []string
	for _, e := range m.Events {
		said = append(said, e.Message)
	}
	return said
}

// count says how many events contain a text.
func (m *sim) count(text string) int {
	n := 0
	for _, message := range m.said() {
		if strings.Contains(message, text) {
			n++
		}
	}
	return n
}

// running counts the running tasks by task definition.
func (m *sim) running() map[string]int {
	running := map[string]int{}
	for _, t := range m.Tasks {
		if t.State == Running {
			running[t.Revision.TaskDefinition]++
		}
	}
	return running
}

func (m *sim) wantRunning(definition string, n int) {
	m.t.Helper()
	running := m.running()
	if len(running) != 1 && n > 0 || len(running) != 0 && n == 0 || running[definition] != n {
		m.t.Errorf("running are %v, want %d of %s and no other", running, n, definition)
	}
}

// wantStatus checks how a service deployment ended.
func (m *sim) wantStatus(sd *ServiceDeployment, want Status) {
	m.t.Helper()
	if sd.Status != want {
		m.t.Fatalf("the deployment of %s is %s (%s), want %s; events: %q", sd.Target.TaskDefinition, sd.Status, sd.Reason, want, m.said())
	}
	if sd.Done() == sd.FinishedAt.IsZero() {
		m.t.Errorf("the deployment is %s and was finished at %v", sd.Status, sd.FinishedAt)
	}
}
