package scheduler

import (
	"fmt"
	"slices"
	"time"
)

const (
	maxEvents      = 100
	keepStopped    = time.Hour
	keepStoppedMax = 100
)

// surplus lists the tasks that may go now.
func (s *Service) surplus() []*Task {
	primary := s.Primary()
	if primary == nil {
		return nil
	}
	if s.shifts() {
		return s.surplusOfFleets()
	}
	failed := primary.State == Failed
	healthy, _ := s.Counts("")
	live := len(s.live(""))
	var gone []*Task
	take := func(t *Task) {
		if t.State == Running {
			healthy--
		}
		live--
		gone = append(gone, t)
	}
	// The unhealthy go first, then the youngest.
	own := s.live(primary.ID)
	excess := len(own) - s.Desired
	for _, t := range goingOrder(own) {
		if excess > 0 || failed && t.State != Running {
			take(t)
			excess--
		}
	}
	// Older deployments go as the new tasks come; when those failed, what is
	// left of the older ones keeps serving.
	for _, t := range goingOrder(s.live("")) {
		if t.Deployment == primary.ID || failed && live <= s.Desired {
			continue
		}
		if t.State != Running || healthy > s.LowerBound() {
			take(t)
		}
	}
	return gone
}

// goingOrder sorts tasks by which shall stop first.
func goingOrder(tasks []*Task) []*Task {
	slices.Reverse(tasks)
	slices.SortStableFunc(tasks, func(a, b *Task) int {
		switch {
		case a.State != Running && b.State == Running:
			return -1
		case a.State == Running && b.State != Running:
			return 1
		}
		return 0
	})
	return tasks
}

// launch starts the tasks that the primary deployment lacks and may have.
func (s *Service) launch(now time.Time) []Command {
	p := s.Primary()
	switch {
	case p == nil || s.Deleted:
		return nil
	case s.shifts():
		return s.launchFleets(now)
	case p.State == Failed || now.Before(p.nextStart):
		return nil
	}
	missing := s.Desired - len(s.live(p.ID))
	room := s.UpperBound() - len(s.live(""))
	return s.start(now, p, min(missing, room))
}

// start starts tasks of a deployment.
func (s *Service) start(now time.Time, d *Deployment, count int) []Command {
	commands := make([]Command, 0, max(0, count))
	for range count {
		t := &Task{
			ID: s.newID("task"), Deployment: d.ID, StartedBy: d.ID, Revision: d.Revision, Alternate: d.Alternate, State: Pending, Health: "UNKNOWN", CreatedAt: now,
		}
		s.Tasks = append(s.Tasks, t)
		s.steady = false
		commands = append(commands, Command{Start: t})
	}
	return commands
}

func (s *Service) stop(now time.Time, t *Task, code, reason string) Command {
	t.State, t.StoppingAt = Stopping, now
	t.StopCode, t.StoppedReason = code, reason
	s.say(now, "(service %s) has stopped 1 running tasks: (task %s).", s.Name, t.ID)
	return Command{Stop: t}
}

// live lists the tasks of a deployment, or of all for "", that are not on their way out.
func (s *Service) live(deployment string) []*Task {
	var live []*Task
	for _, t := range s.Tasks {
		if t.State < Stopping && (deployment == "" || t.Deployment == deployment) {
			live = append(live, t)
		}
	}
	return live
}

func (s *Service) hasTasks(deployment string) bool {
	return slices.ContainsFunc(s.Tasks, func(t *Task) bool { return t.Deployment == deployment && t.State != Stopped })
}

// forget drops stopped tasks after an hour, as ECS does, and the oldest beyond a number.
func (s *Service) forget(now time.Time) {
	stopped := 0
	for _, t := range s.Tasks {
		if t.State == Stopped {
			stopped++
		}
	}
	s.Tasks = slices.DeleteFunc(s.Tasks, func(t *Task) bool {
		if t.State != Stopped {
			return false
		}
		if stopped > keepStoppedMax || now.Sub(t.StoppedAt) > keepStopped {
			stopped--
			return true
		}
		return false
	})
}

func (s *Service) say(now time.Time, format string, args ...any) {
	s.Events = append([]Event{{ID: s.newID("event"), At: now, Message: fmt.Sprintf(format, args...)}}, s.Events...)
	if len(s.Events) > maxEvents {
		s.Events = s.Events[:maxEvents]
	}
}
