package scheduler

import (
	"testing"
	"time"
)

func TestDeploymentCompletes(t *testing.T) {
	t.Parallel()
	m := newSim(t, 3)
	first := m.deploy("api:1", ByCreate)
	if first.Status != StatusPending {
		t.Errorf("just created, the deployment is %s", first.Status)
	}
	m.settle()
	m.wantStatus(first, StatusSuccessful)
	second := m.deploy("api:2", ByUpdate)
	if len(second.Sources) != 1 || second.Sources[0].TaskDefinition != "api:1" {
		t.Errorf("the second deployment comes from %v", second.Sources)
	}
	m.settle()
	m.wantStatus(second, StatusSuccessful)
	m.wantRunning("api:2", 3)
	p := m.Primary()
	if len(m.Deployments) != 1 || p.State != Completed || p.Reason != "ECS deployment "+p.ID+" completed." {
		t.Errorf("the deployments are %+v", m.Deployments)
	}
	if m.count("has reached a steady state") != 2 || m.count("deployment completed.") != 2 {
		t.Errorf("the events are %q", m.said())
	}
	if m.tick() != 0 || m.count("has reached a steady state") != 2 {
		t.Error("a steady service is not left alone")
	}
}

func TestNothingDesiredCompletesAtOnce(t *testing.T) {
	t.Parallel()
	m := newSim(t, 0)
	sd := m.deploy("api:1", ByCreate)
	m.settle()
	m.wantStatus(sd, StatusSuccessful)
	m.wantRunning("", 0)
}

func TestThreshold(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		breaker Breaker
		desired int
		want    int
	}{
		{"at least three", Breaker{}, 1, 3},
		{"six is still three", Breaker{}, 6, 3},
		{"half, rounded up", Breaker{}, 25, 13},
		{"at most 200", Breaker{}, 1000, 200},
		{"none desired", Breaker{}, 0, 3},
		{"bounded percent", Breaker{ThresholdType: "BOUNDED_PERCENT", ThresholdValue: 10}, 100, 10},
		{"bounded percent has a floor", Breaker{ThresholdType: "BOUNDED_PERCENT", ThresholdValue: 1}, 100, 3},
		{"unbounded percent", Breaker{ThresholdType: "UNBOUNDED_PERCENT", ThresholdValue: 100}, 300, 300},
		{"unbounded percent of little", Breaker{ThresholdType: "UNBOUNDED_PERCENT", ThresholdValue: 1}, 1, 1},
		{"count", Breaker{ThresholdType: "COUNT", ThresholdValue: 2}, 100, 2},
	} {
		if got := c.breaker.Threshold(c.desired); got != c.want {
			t.Errorf("%s: got %d, want %d", c.name, got, c.want)
		}
	}
}

func TestBreakerRollsBack(t *testing.T) {
	t.Parallel()
	for _, c := range misbehaviours() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := newSim(t, 2)
			m.deploy("api:1", ByCreate)
			m.settle()
			good := m.Primary().ID
			m.when("api:2", c.behave)
			bad := m.deploy("api:2", ByUpdate)
			m.settle()
			m.wantStatus(bad, StatusRollbackSuccessful)
			m.wantRunning("api:1", 2)
			if bad.Failures < 3 || bad.Failures > 4 || !bad.Tripped {
				t.Errorf("the breaker tripped (%v) at %d failures", bad.Tripped, bad.Failures)
			}
			if bad.RollbackTo.TaskDefinition != "api:1" || bad.RollbackReason == "" || bad.RollbackAt.IsZero() {
				t.Errorf("the rollback goes to %+v because of %q", bad.RollbackTo, bad.RollbackReason)
			}
			if p := m.Primary(); p.Origin != ByRollback || p.State != Completed || m.count("rolling back to deployment "+good) != 1 {
				t.Errorf("after the rollback the primary is %+v", p)
			}
		})
	}
}

func TestRollbackKeepsTheOldTasks(t *testing.T) {
	t.Parallel()
	m := newSim(t, 2)
	m.deploy("api:1", ByCreate)
	m.settle()
	before := map[string]bool{}
	for _, task := range m.Tasks {
		before[task.ID] = true
	}
	m.when("api:2", crash)
	m.deploy("api:2", ByUpdate)
	m.settle()
	for _, task := range m.Tasks {
		if task.State == Running && !before[task.ID] {
			t.Errorf("the rollback started %s although the old tasks still ran", task.ID)
		}
	}
}

func TestBreakerWithoutRollbackStopsTrying(t *testing.T) {
	t.Parallel()
	m := newSim(t, 2)
	m.Breaker.Rollback = false
	m.deploy("api:1", ByCreate)
	m.settle()
	m.when("api:2", crash)
	bad := m.deploy("api:2", ByUpdate)
	m.settle()
	m.wantStatus(bad, StatusStopped)
	m.wantRunning("api:1", 2)
	if p := m.Primary(); p.Revision.TaskDefinition != "api:2" || p.State != Failed {
		t.Errorf("the primary is %+v, want the failed one", p)
	}

	t.Run("scaling down takes the old tasks", func(*testing.T) {
		m.Scale(m.now, 1)
		m.settle()
		m.wantRunning("api:1", 1)
	})
	t.Run("deleting takes them all", func(*testing.T) {
		m.Delete(m.now)
		m.settle()
		m.wantRunning("", 0)
	})
}

func TestBreakerOff(t *testing.T) {
	t.Parallel()
	m := newSim(t, 1)
	m.Breaker = Breaker{}
	m.behave = crash
	sd := m.deploy("api:1", ByCreate)
	for range 20 {
		m.tick()
	}
	m.wantStatus(sd, StatusInProgress)
	if sd.Failures != 20 || m.Primary().Failed != 20 {
		t.Errorf("%d failures were counted, want 20", sd.Failures)
	}
	if m.count("is unable to consistently start tasks successfully") != 1 {
		t.Errorf("the events are %q", m.said())
	}
}

func TestFirstDeploymentFails(t *testing.T) {
	t.Parallel()
	m := newSim(t, 1)
	m.behave = crash
	sd := m.deploy("api:1", ByCreate)
	m.settle()
	m.wantStatus(sd, StatusStopped)
	if m.Primary().State != Failed || sd.Failures != 3 {
		t.Errorf("with nothing to go back to, the primary is %s after %d failures", m.Primary().State, sd.Failures)
	}
}

func TestRollbackFails(t *testing.T) {
	t.Parallel()
	m := newSim(t, 1)
	m.deploy("api:1", ByCreate)
	m.settle()
	m.behave = crash
	sd := m.deploy("api:2", ByUpdate)
	m.tick()
	// The last good task dies too, and its like cannot start any more.
	for _, task := range m.live("") {
		m.do(m.Observe(m.now, task.ID, Observation{Kind: Ended}))
	}
	m.settle()
	m.wantStatus(sd, StatusRollbackFailed)
	if sd.Failures != 3 {
		t.Errorf("%d failures are told of the deployment that was rolled back, want its own 3", sd.Failures)
	}
}

func TestHealthyTaskResetsTheCount(t *testing.T) {
	t.Parallel()
	for _, keep := range []bool{false, true} {
		m := newSim(t, 3)
		m.Breaker.KeepCount = keep
		started := 0
		m.behave = func(task *Task) []Observation {
			if started++; started == 3 || started == 6 || started >= 8 {
				return well(task)
			}
			return crash(task)
		}
		sd := m.deploy("api:1", ByCreate)
		m.settle()
		if want := map[bool]Status{false: StatusSuccessful, true: StatusStopped}[keep]; sd.Status != want {
			t.Errorf("keeping the count (%v) ends %s, want %s", keep, sd.Status, want)
		}
	}
}

func TestCrashAfterHavingBeenWellIsNoFailedLaunch(t *testing.T) {
	t.Parallel()
	m := newSim(t, 1)
	m.deploy("api:1", ByCreate)
	m.settle()
	for range 10 {
		m.do(m.Observe(m.now, m.live("")[0].ID, Observation{Kind: Ended, Code: "EssentialContainerExited"}))
		m.settle()
	}
	if p := m.Primary(); p.State != Completed || p.Failed != 0 {
		t.Errorf("the deployment is %s with %d failures", p.State, p.Failed)
	}
	m.wantRunning("api:1", 1)
}

func TestMissingImageOfANewServiceIsWaitedFor(t *testing.T) {
	t.Parallel()
	m := newSim(t, 1)
	m.behave = unpullable
	sd := m.deploy("api:1", ByCreate)
	for range 10 {
		m.tick()
	}
	m.wantStatus(sd, StatusInProgress)
	if sd.Failures != 0 || m.count("CannotPullContainerError") != 1 {
		t.Errorf("%d failures and the events %q, want none and one event", sd.Failures, m.said())
	}
	m.behave = well
	m.settle()
	m.wantStatus(sd, StatusSuccessful)
}

func TestLaunchesAreDelayedAfterFailures(t *testing.T) {
	t.Parallel()
	m := newSim(t, 1)
	m.Breaker = Breaker{}
	m.behave = crash
	m.deploy("api:1", ByCreate)
	var gaps []time.Duration
	last := m.now
	for range 40 * 10 {
		m.now = m.now.Add(100 * time.Millisecond)
		commands := m.Step(m.now)
		if len(commands) > 0 {
			gaps = append(gaps, m.now.Sub(last))
			last = m.now
		}
		m.do(commands)
	}
	want := []time.Duration{100, 200, 400, 800, 1600, 3200, 6400, 10000, 10000}
	if len(gaps) != len(want) {
		t.Fatalf("launches came after %v", gaps)
	}
	for i := range want {
		if gaps[i] != want[i]*time.Millisecond {
			t.Errorf("launch %d came after %v, want %v", i, gaps[i], want[i]*time.Millisecond)
		}
	}
}
