package ecs

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"dagger/sensor-backend/rollout"
	"dagger/sensor-backend/rollout/rollouttest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// taskScenario is a migration under a script.
type taskScenario struct {
	name    string
	fake    fake
	timeout time.Duration

	want    rollout.Outcome
	reason  string
	changed string
	// tasks and stops are how many tasks were started and how often one was ordered
	// to stop.
	tasks, stops int
	// end is when, in seconds after the start, the truth can be read.
	end, within float64
}

// never is a task that ECS could not start, for a reason.
func never(reason string) types.Task {
	return types.Task{StopCode: types.TaskStopCodeTaskFailedToStart, StoppedReason: aws.String(reason), Containers: []types.Container{{Name: aws.String("api")}}}
}

func taskScenarios() []taskScenario {
	secret := never("ResourceInitializationError: unable to pull secrets: AccessDeniedException: is not authorized to perform: secretsmanager:GetSecretValue")
	pull := never("CannotPullContainerError: pull image manifest has been retried 5 time(s): dial tcp: i/o timeout")
	unavailable := "Capacity is unavailable at this time. Please try again later or in a different availability zone"
	return []taskScenario{
		{name: "run took effect, connection reset", fake: fake{last: ended(0), lost: []error{errReset}}, want: rollout.Completed, changed: "ran to its end", tasks: 1, end: 60},
		{name: "run took effect, 503 twice", fake: fake{last: ended(0), lost: []error{errUnavailable, errUnavailable}}, want: rollout.Completed, tasks: 1, end: 60},
		{name: "run did not take effect, connection reset", fake: fake{last: ended(0), runErrs: []error{errReset}}, want: rollout.Completed, tasks: 1, end: 62},
		{
			name: "run took effect, its token is in use", want: rollout.Completed, tasks: 1, end: 60,
			fake: fake{last: ended(0), lost: []error{errReset, &types.ConflictException{ResourceIds: []string{taskARN}}}},
		},
		{name: "no capacity three times", fake: fake{last: ended(0), unplaced: []string{unavailable, unavailable, unavailable}}, want: rollout.Completed, tasks: 1, end: 66},
		{name: "no capacity for a minute", fake: fake{last: ended(0), unplaced: slices.Repeat([]string{"RESOURCE:CPU"}, 20)}, want: rollout.Completed, tasks: 1, end: 115},
		{name: "no capacity for good", fake: fake{unplaced: slices.Repeat([]string{unavailable}, 200)}, want: rollout.NotStarted, reason: "Capacity is unavailable", end: 300},
		{name: "no capacity under a limit of 1 min", fake: fake{unplaced: slices.Repeat([]string{unavailable}, 200)}, timeout: time.Minute, want: rollout.NotStarted, reason: "Capacity is unavailable", end: 60},
		{name: "no instance has the attribute", fake: fake{unplaced: slices.Repeat([]string{"ATTRIBUTE"}, 200)}, want: rollout.NotStarted, reason: "ATTRIBUTE", end: 0},
		{name: "the secret is denied at first", fake: fake{last: ended(0), firsts: []types.Task{secret, secret}}, want: rollout.Completed, tasks: 3, end: 140},
		{name: "the pull times out once", fake: fake{last: ended(0), firsts: []types.Task{pull}}, want: rollout.Completed, tasks: 2, end: 90},
		{name: "the secret is denied for good", fake: fake{firsts: []types.Task{secret, secret, secret}}, want: rollout.Failed, reason: "AccessDeniedException", tasks: 3, end: 90, within: 20},
		{name: "its image is for another platform", fake: fake{firsts: []types.Task{never("CannotPullContainerError: image Manifest does not contain descriptor matching platform 'linux/arm64'")}}, want: rollout.Failed, reason: "descriptor matching platform", tasks: 1, end: 10, within: 16},
		{name: "ECS hangs under a limit of 2 min", fake: fake{hangs: true}, timeout: 2 * time.Minute, want: rollout.Failed, reason: "more than 2m0s", changed: "how it ended is not known", tasks: 1, stops: 1, end: 120, within: 30},
		{name: "stop took effect, connection reset", fake: fake{forever: true, stopLost: []error{errReset}}, timeout: time.Minute, want: rollout.Failed, reason: "more than 1m0s", tasks: 1, stops: 1, end: 60, within: 30},
		{name: "stop did not take effect, 503", fake: fake{forever: true, stopErrs: []error{errUnavailable}}, timeout: time.Minute, want: rollout.Failed, reason: "more than 1m0s", tasks: 1, stops: 2, end: 60, within: 30},
	}
}

func (s taskScenario) run(t *testing.T) rollouttest.Observed {
	var o rollouttest.Observed
	synctest.Test(t, func(t *testing.T) {
		f := s.fake
		var changes rollout.Changes
		ts := tasks(&f)
		ts.Changes = &changes
		start := time.Now()
		ts.Env.Progress = func(line string) { o.Said(time.Since(start), line) }
		req := request()
		req.Timeout = s.timeout
		err := ts.Run(t.Context(), req)
		o.Err, o.Outcome, o.Changed, o.Seconds = err, rollout.Completed, changes.List(), time.Since(start).Seconds()
		o.Calls = map[string]int{"RunTask": len(f.runs), "DescribeTasks": f.described, "StopTask": f.stops}
		if err != nil {
			o.Reason = err.Error()
			for _, outcome := range rollout.Outcomes() {
				if !outcome.OK() && outcome.ExitCode() == rollout.ExitCode(err) {
					o.Outcome = outcome
				}
			}
		}
		if len(f.tokens) != s.tasks || f.stops != s.stops || f.repeated {
			t.Errorf("%d tasks started, %d orders to stop, the SDK may repeat: %t; want %d and %d", len(f.tokens), f.stops, f.repeated, s.tasks, s.stops)
		}
	})
	return o
}

// TestTaskScenarios plays what AWS does with a migration.
func TestTaskScenarios(t *testing.T) {
	var suite rollouttest.Suite
	for _, s := range taskScenarios() {
		t.Run(s.name, func(t *testing.T) {
			suite.Add(t, "task "+s.name, s.run(t), rollouttest.Expectation{Want: s.want, Reason: s.reason, Changed: s.changed, End: s.end, Within: s.within})
		})
	}
	if sums := suite.Report(t); sums.Scenarios < 16 || sums.Wrong > 0 || sums.Late > 6 {
		t.Errorf("the suite comes to %+v", sums)
	}
}

// TestCapacity wants a migration to run where the service runs, and not on Spot.
func TestCapacity(t *testing.T) {
	t.Parallel()
	providers := func(names ...string) []types.CapacityProviderStrategyItem {
		var all []types.CapacityProviderStrategyItem
		for _, n := range names {
			all = append(all, types.CapacityProviderStrategyItem{CapacityProvider: aws.String(n), Weight: 1})
		}
		return all
	}
	for name, c := range map[string]struct {
		service types.Service
		launch  types.LaunchType
		on      string
	}{
		"Fargate":                 {types.Service{LaunchType: types.LaunchTypeFargate}, types.LaunchTypeFargate, ""},
		"Fargate Spot":            {types.Service{CapacityProviderStrategy: providers("FARGATE_SPOT")}, types.LaunchTypeFargate, ""},
		"both":                    {types.Service{CapacityProviderStrategy: providers("FARGATE_SPOT", "FARGATE")}, types.LaunchTypeFargate, ""},
		"instances":               {types.Service{LaunchType: types.LaunchTypeEc2}, types.LaunchTypeEc2, ""},
		"machines elsewhere":      {types.Service{LaunchType: types.LaunchTypeExternal}, types.LaunchTypeExternal, ""},
		"a provider of one's own": {types.Service{CapacityProviderStrategy: providers("asg-a", "asg-b")}, "", "asg-a asg-b"},
		"the cluster's default":   {types.Service{}, "", ""},
	} {
		req := request()
		req.Service.CapacityProviderStrategy, req.Service.LaunchType = c.service.CapacityProviderStrategy, c.service.LaunchType
		in := runInput(req)
		var on []string
		for _, item := range in.CapacityProviderStrategy {
			on = append(on, *item.CapacityProvider)
		}
		if in.LaunchType != c.launch || strings.Join(on, " ") != c.on {
			t.Errorf("%s: launch type %q, providers %v", name, in.LaunchType, on)
		}
	}
}
