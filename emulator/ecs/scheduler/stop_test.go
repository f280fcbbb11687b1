package scheduler

import (
	"testing"
	"time"
)

func TestSuperseded(t *testing.T) {
	t.Parallel()
	m := newSim(t, 2)
	m.deploy("api:1", ByCreate)
	m.settle()
	m.when("api:2", silent)
	second := m.deploy("api:2", ByUpdate)
	m.tick()
	third := m.deploy("api:3", ByUpdate)
	m.wantStatus(second, StatusStopped)
	if second.StoppedAt.IsZero() || len(third.Sources) != 2 {
		t.Errorf("the superseded deployment is %+v, the new one comes from %v", second, third.Sources)
	}
	m.settle()
	m.wantStatus(third, StatusSuccessful)
	m.wantStatus(second, StatusStopped)
	m.wantRunning("api:3", 2)
}

func TestSupersededRollback(t *testing.T) {
	t.Parallel()
	m := newSim(t, 1)
	m.deploy("api:1", ByCreate)
	m.settle()
	m.behave = silent
	second := m.deploy("api:2", ByUpdate)
	m.tick()
	for range 3 {
		m.do(m.Observe(m.now, m.live(m.Primary().ID)[0].ID, Observation{Kind: Ended}))
		m.do(m.Observe(m.now, m.Tasks[0].ID, Observation{Kind: Ended}))
		m.tick()
	}
	m.wantStatus(second, StatusRollbackInProgress)
	m.behave = well
	third := m.deploy("api:3", ByUpdate)
	m.wantStatus(second, StatusStopped)
	m.settle()
	m.wantStatus(third, StatusSuccessful)
	m.wantRunning("api:3", 1)
}

func TestStopDeployment(t *testing.T) {
	t.Parallel()
	t.Run("with rollback", func(t *testing.T) {
		t.Parallel()
		m := newSim(t, 2)
		m.deploy("api:1", ByCreate)
		m.settle()
		m.when("api:2", silent)
		sd := m.deploy("api:2", ByUpdate)
		m.tick()
		if !m.StopDeployment(m.now, sd.ID, true) {
			t.Fatal("a deployment in progress cannot be stopped")
		}
		m.wantStatus(sd, StatusRollbackRequested)
		if m.StopDeployment(m.now, sd.ID, true) {
			t.Error("it can be stopped twice")
		}
		m.settle()
		m.wantStatus(sd, StatusRollbackSuccessful)
		m.wantRunning("api:1", 2)
		if sd.Tripped || sd.Reason != "Service deployment stopped by user." {
			t.Errorf("its reason is %q, tripped %v", sd.Reason, sd.Tripped)
		}
	})
	t.Run("with nothing to go back to", func(t *testing.T) {
		t.Parallel()
		m := newSim(t, 1)
		m.behave = silent
		sd := m.deploy("api:1", ByCreate)
		if !m.StopDeployment(m.now, sd.ID, true) {
			t.Fatal("it cannot be stopped")
		}
		m.wantStatus(sd, StatusStopped)
		m.settle()
		if len(m.live("")) != 0 {
			t.Errorf("tasks are left: %v", m.live(""))
		}
	})
	t.Run("without rollback the old tasks stay", func(t *testing.T) {
		t.Parallel()
		m := newSim(t, 2)
		m.deploy("api:1", ByCreate)
		m.settle()
		m.when("api:2", silent)
		sd := m.deploy("api:2", ByUpdate)
		m.tick()
		m.StopDeployment(m.now, sd.ID, false)
		m.settle()
		m.wantStatus(sd, StatusStopped)
		m.wantRunning("api:1", 2)
	})
	t.Run("one that is done or unknown", func(t *testing.T) {
		t.Parallel()
		m := newSim(t, 1)
		sd := m.deploy("api:1", ByCreate)
		m.settle()
		if m.StopDeployment(m.now, sd.ID, true) || m.StopDeployment(m.now, "none", true) {
			t.Error("it could be stopped")
		}
	})
}

func TestScale(t *testing.T) {
	t.Parallel()
	m := newSim(t, 1)
	m.deploy("api:1", ByCreate)
	m.settle()
	id := m.Primary().ID
	for _, n := range []int{4, 2, 0, 3} {
		m.Scale(m.now, n)
		m.settle()
		m.wantRunning("api:1", n)
	}
	if p := m.Primary(); p.ID != id || p.State != Completed || len(m.ServiceDeployments) != 1 {
		t.Errorf("scaling made a deployment: %+v", p)
	}
}

func TestScaleDuringADeployment(t *testing.T) {
	t.Parallel()
	m := newSim(t, 2)
	m.deploy("api:1", ByCreate)
	m.settle()
	m.when("api:2", silent)
	sd := m.deploy("api:2", ByUpdate)
	m.tick()
	m.Scale(m.now, 5)
	if sd.Desired != 5 {
		t.Errorf("the deployment wants %d", sd.Desired)
	}
	for range 10 {
		m.tick()
		for _, task := range m.live(m.Primary().ID) {
			for _, o := range well(task) {
				m.do(m.Observe(m.now, task.ID, o))
			}
		}
	}
	m.wantStatus(sd, StatusSuccessful)
	m.wantRunning("api:2", 5)
}

func TestStopTask(t *testing.T) {
	t.Parallel()
	m := newSim(t, 1)
	m.deploy("api:1", ByCreate)
	m.settle()
	stopped := m.live("")[0]
	m.do(m.StopTask(m.now, stopped.ID, "because"))
	if stopped.State != Stopped || stopped.StopCode != "UserInitiated" || stopped.StoppedReason != "because" {
		t.Errorf("the stopped task is %+v", stopped)
	}
	if m.StopTask(m.now, stopped.ID, "again") != nil || m.StopTask(m.now, "none", "") != nil {
		t.Error("a task that is gone is stopped again")
	}
	m.settle()
	m.wantRunning("api:1", 1)
}

func TestDeleteDuringADeployment(t *testing.T) {
	t.Parallel()
	m := newSim(t, 2)
	sd := m.deploy("api:1", ByCreate)
	m.behave = silent
	m.tick()
	m.Delete(m.now)
	m.settle()
	m.wantStatus(sd, StatusStopped)
	if n := len(m.live("")); n != 0 {
		t.Errorf("%d tasks are left", n)
	}
}

func TestStoppedTasksAreForgotten(t *testing.T) {
	t.Parallel()
	m := newSim(t, 1)
	m.deploy("api:1", ByCreate)
	m.settle()
	for range keepStoppedMax + 20 {
		m.do(m.StopTask(m.now, m.live("")[0].ID, ""))
		m.settle()
	}
	if n := len(m.Tasks); n > keepStoppedMax+1 {
		t.Errorf("%d tasks are remembered", n)
	}
	m.now = m.now.Add(keepStopped + time.Second)
	m.tick()
	if n := len(m.Tasks); n != 1 {
		t.Errorf("after an hour %d tasks are remembered, want the one that runs", n)
	}
	if n := len(m.Events); n > maxEvents {
		t.Errorf("%d events are remembered", n)
	}
}
