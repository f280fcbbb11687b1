package scheduler

import (
	"slices"
	"testing"
	"time"
)

// strategies have waits in hours, which a tick is far from.
func strategies() map[string]Strategy {
	return map[string]Strategy{
		BlueGreen: {Kind: BlueGreen, Bake: time.Hour},
		Canary:    {Kind: Canary, Percent: 10, Wait: 2 * time.Hour, Bake: time.Hour},
		Linear:    {Kind: Linear, Percent: 40, Wait: time.Hour, Bake: time.Hour},
	}
}

// newShift is a service that runs api:1 in two tasks and shifts to what comes.
func newShift(t *testing.T, strategy Strategy) *sim {
	t.Helper()
	m := newSim(t, 2)
	m.Strategy = strategy
	first := m.deploy("api:1", ByCreate)
	m.settle()
	m.wantStatus(first, StatusSuccessful)
	return m
}

// until ticks until a stage is reached; a stage that is not fails the test.
func (m *sim) until(sd *ServiceDeployment, stage Stage) {
	m.t.Helper()
	for range 20000 {
		if sd.Stage == stage || sd.Done() {
			break
		}
		m.tick()
	}
	if sd.Stage != stage {
		m.t.Fatalf("the deployment is %s in stage %s, want stage %s", sd.Status, sd.Stage, stage)
	}
}

func allStages() []Stage {
	return []Stage{
		PreScaleUp, ScaleUp, PostScaleUp, TestTrafficShift, PostTestTrafficShift,
		ProductionTrafficShift, PostProductionTrafficShift, BakeTime, CleanUp,
	}
}

func TestShiftGoesThroughItsStages(t *testing.T) {
	t.Parallel()
	weights := map[string][]float64{BlueGreen: {0, 100}, Canary: {0, 10, 100}, Linear: {0, 40, 80, 100}}
	durations := map[string]time.Duration{BlueGreen: time.Hour, Canary: 3 * time.Hour, Linear: 3 * time.Hour}
	for kind, strategy := range strategies() {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			m := newShift(t, strategy)
			began := m.now
			sd := m.deploy("api:2", ByUpdate)
			var stages []Stage
			var shares []float64
			for !sd.Done() {
				m.tick()
				if len(stages) == 0 || stages[len(stages)-1] != sd.Stage {
					stages = append(stages, sd.Stage)
				}
				share := m.Weight(sd.Target.ID)
				if len(shares) == 0 || shares[len(shares)-1] != share {
					shares = append(shares, share)
				}
				if blue := m.Weight(sd.Sources[0].ID); !sd.Done() && blue+share != 100 {
					t.Fatalf("in %s the revisions have %.0f and %.0f %% of the traffic", sd.Stage, blue, share)
				}
				if n := m.running()["api:1"]; n != 2 && sd.Stage != CleanUp {
					t.Fatalf("in %s %d tasks of the old revision run", sd.Stage, n)
				}
			}
			m.wantStatus(sd, StatusSuccessful)
			m.wantRunning("api:2", 2)
			if !slices.Equal(stages, allStages()) || !slices.Equal(shares, weights[kind]) {
				t.Errorf("the stages were %v, the shares %v", stages, shares)
			}
			if took := m.now.Sub(began); took < durations[kind] || took > durations[kind]+10*time.Minute {
				t.Errorf("it took %s, want the %s of its waits", took, durations[kind])
			}
			if primary, alternate := m.Traffic(); primary != 0 || alternate != 100 {
				t.Errorf("the target groups have %.0f and %.0f %%, want all in the other one", primary, alternate)
			}
			m.deploy("api:3", ByUpdate)
			if m.Primary().Alternate {
				t.Error("the next deployment uses the same target group as what runs")
			}
		})
	}
}

func TestFirstDeploymentWaitsForNothing(t *testing.T) {
	t.Parallel()
	m := newSim(t, 2)
	m.Strategy = strategies()[Canary]
	began := m.now
	sd := m.deploy("api:1", ByCreate)
	m.settle()
	m.wantStatus(sd, StatusSuccessful)
	if took := m.now.Sub(began); took > 5*time.Minute || m.Weight(sd.Target.ID) != 100 {
		t.Errorf("it took %s and has %.0f %% of the traffic", took, m.Weight(sd.Target.ID))
	}
}

func TestBadGreenFleetRollsBack(t *testing.T) {
	t.Parallel()
	for _, c := range misbehaviours() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := newShift(t, strategies()[Canary])
			before := m.live("")
			m.when("api:2", c.behave)
			sd := m.deploy("api:2", ByUpdate)
			for !sd.Done() {
				m.tick()
				if w := m.Weight(sd.Target.ID); w != 0 || m.running()["api:1"] != 2 {
					t.Fatalf("the bad fleet has %.0f %% of the traffic, and %d old tasks run", w, m.running()["api:1"])
				}
			}
			m.wantStatus(sd, StatusRollbackSuccessful)
			m.wantRunning("api:1", 2)
			if !sd.Tripped || sd.Stage != ScaleUp || !slices.Equal(before, m.live("")) {
				t.Errorf("it ended in stage %s, tripped %v", sd.Stage, sd.Tripped)
			}
			if p := m.Primary(); p.Weight != 100 || p.Alternate {
				t.Errorf("after the rollback the primary is %+v", p)
			}
		})
	}
}

func TestFleetThatTurnsBadGetsNoMoreTraffic(t *testing.T) {
	t.Parallel()
	m := newShift(t, strategies()[Linear])
	sd := m.deploy("api:2", ByUpdate)
	m.until(sd, ProductionTrafficShift)
	m.tick()
	m.when("api:2", sick)
	m.do(m.Observe(m.now, m.live(m.Primary().ID)[0].ID, Observation{Kind: Unhealthy, Reason: "Task failed ELB health checks"}))
	m.settle()
	m.wantStatus(sd, StatusRollbackSuccessful)
	m.wantRunning("api:1", 2)
	if primary, alternate := m.Traffic(); primary != 100 || alternate != 0 {
		t.Errorf("the target groups have %.0f and %.0f %%", primary, alternate)
	}
}

// TestStopInEveryStage stops before each stage but the clean-up, which has a
// test of its own.
func TestStopInEveryStage(t *testing.T) {
	t.Parallel()
	for kind, strategy := range strategies() {
		for _, stage := range append([]Stage{""}, allStages()[:8]...) {
			for _, rollback := range []bool{true, false} {
				m := newShift(t, strategy)
				sd := m.deploy("api:2", ByUpdate)
				m.until(sd, stage)
				shares := m.Weight(sd.Target.ID)
				if !m.StopDeployment(m.now, sd.ID, rollback) {
					t.Fatalf("%s cannot be stopped in %s", kind, stage)
				}
				m.settle()
				want, status := "api:1", StatusRollbackSuccessful
				if !rollback {
					status = StatusStopped
					if shares == 100 {
						want = "api:2"
					}
				}
				m.wantStatus(sd, status)
				m.wantRunning(want, 2)
				primary, alternate := m.Traffic()
				if want == "api:1" && primary != 100 || want == "api:2" && alternate != 100 {
					t.Errorf("%s stopped in %s: the target groups have %.0f and %.0f %%", kind, stage, primary, alternate)
				}
			}
		}
	}
}

func TestRollbackInCleanUpBringsTheOldFleetUpFirst(t *testing.T) {
	t.Parallel()
	m := newShift(t, strategies()[BlueGreen])
	sd := m.deploy("api:2", ByUpdate)
	m.until(sd, BakeTime)
	m.now = m.now.Add(time.Hour)
	old := m.Step(m.now) // told to stop, and not gone yet
	if sd.Stage != CleanUp || len(old) != 2 {
		t.Fatalf("in %s, %d tasks were told to stop", sd.Stage, len(old))
	}
	m.when("api:1", silent)
	m.StopDeployment(m.now, sd.ID, true)
	m.tick()
	if w := m.Weight(sd.Target.ID); w != 100 || m.running()["api:2"] != 2 {
		t.Errorf("with no old task up, the new revision has %.0f %% of the traffic and %d tasks", w, m.running()["api:2"])
	}
	for _, task := range m.live(m.Primary().ID) {
		for _, o := range well(task) {
			m.do(m.Observe(m.now, task.ID, o))
		}
	}
	m.do(old)
	m.settle()
	m.wantStatus(sd, StatusRollbackSuccessful)
	m.wantRunning("api:1", 2)
}

func TestShiftSuperseded(t *testing.T) {
	t.Parallel()
	m := newShift(t, strategies()[Canary])
	second := m.deploy("api:2", ByUpdate)
	m.until(second, ProductionTrafficShift)
	m.tick()
	third := m.deploy("api:3", ByUpdate)
	m.wantStatus(second, StatusStopped)
	m.tick()
	if third.Stage != ReconcileService {
		t.Errorf("with two revisions active it begins in %s", third.Stage)
	}
	m.until(third, ScaleUp)
	if m.running()["api:2"] != 0 || m.running()["api:1"] != 2 || m.Weight(third.Sources[1].ID) != 100 {
		t.Errorf("reconciled, there run %v", m.running())
	}
	m.until(third, CleanUp)
	m.settle()
	m.wantStatus(third, StatusSuccessful)
	m.wantRunning("api:3", 2)
}

func TestChangeOfStrategy(t *testing.T) {
	t.Parallel()
	m := newShift(t, strategies()[BlueGreen])
	second := m.deploy("api:2", ByUpdate)
	m.until(second, BakeTime)
	m.Strategy = Strategy{}
	third := m.deploy("api:3", ByUpdate)
	m.settle()
	m.wantStatus(third, StatusSuccessful)
	m.wantRunning("api:3", 2)
	if primary, alternate := m.Traffic(); primary != 100 || alternate != 0 || third.Stage != "" {
		t.Errorf("after a rolling update the target groups have %.0f and %.0f %%, its stage is %q", primary, alternate, third.Stage)
	}
}

func TestOldFleetIsKeptUp(t *testing.T) {
	t.Parallel()
	m := newShift(t, strategies()[BlueGreen])
	sd := m.deploy("api:2", ByUpdate)
	m.until(sd, BakeTime)
	for _, task := range m.Tasks {
		if task.State == Running && task.Revision.TaskDefinition == "api:1" {
			m.do(m.Observe(m.now, task.ID, Observation{Kind: Ended}))
		}
	}
	m.tick()
	m.tick()
	if m.running()["api:1"] != 2 || m.Primary().Failed != 0 {
		t.Errorf("after both old tasks ended there run %v", m.running())
	}
}
