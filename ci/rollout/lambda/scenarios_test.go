package lambda

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"dagger/sensor-backend/lambdazip"
	"dagger/sensor-backend/poll"
	"dagger/sensor-backend/rollout"
	"dagger/sensor-backend/rollout/rollouttest"

	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// lambdaScenario is a deploy to a function under a script.
type lambdaScenario struct {
	name    string
	arrange func(*fakeLambda)
	change  func(*Request)
	// cancelAt is when the caller gives up, after the start.
	cancelAt time.Duration
	// restore plays Restore to version 1 in the place of a deploy.
	restore bool
	// sdk is true where the SDK's waiters have a say.
	sdk bool

	want   rollout.Outcome
	reason string
	// open is true where the result must say that the alias may still change, and
	// changed is what it must list, if that is not nil.
	open    bool
	changed []string
	shown   string
	calls   map[string]int
	history []string
	left    []string
	end     float64
	within  float64
}

func zipped(t *testing.T, binary string) []byte {
	t.Helper()
	a, err := lambdazip.Build([]byte(binary))
	if err != nil {
		t.Fatal(err)
	}
	return a.Zip
}

func lambdaScenarios() []lambdaScenario {
	one := map[string]int{"UpdateFunctionCode": 1, "PublishVersion": 1, "UpdateAlias": 1}
	unmoved := map[string]int{"UpdateAlias": 0}
	canary := func(c Canary) func(*Request) {
		return func(r *Request) { r.Canary = c }
	}
	alarmAfter := func(d time.Duration) func(context.Context, string, string) (string, error) {
		var from time.Time
		return func(context.Context, string, string) (string, error) {
			if from.IsZero() {
				from = time.Now()
			}
			if time.Since(from) >= d {
				return "alarm errors is in ALARM", nil
			}
			return "", nil
		}
	}
	bake := Canary{Invocations: 3, Payload: []byte(`{"Records":[]}`), Weight: 0.1, Bake: time.Minute, Watch: alarmAfter(time.Hour)}
	withWatch := func(w func(context.Context, string, string) (string, error)) Canary {
		c := bake
		c.Watch = w
		return c
	}
	return []lambdaScenario{
		{name: "new code", sdk: true, want: rollout.Completed, calls: map[string]int{"UpdateFunctionCode": 1, "UpdateAlias": 1, "total": 15}, history: []string{"2map[]"}, end: 3},
		{
			name: "same binary packed again", change: func(r *Request) { r.Zip = nil },
			want: rollout.Unchanged, reason: "names version 1", calls: map[string]int{"UpdateFunctionCode": 0, "UpdateAlias": 0, "total": 9},
		},
		{
			name: "conflict ten times", arrange: func(f *fakeLambda) {
				f.refuse["UpdateFunctionCode"] = rollouttest.Times(1, 10, "ResourceConflictException")
			},
			want: rollout.Completed, calls: map[string]int{"UpdateFunctionCode": 11}, end: 3,
		},
		{
			name: "update fails after 10 s", sdk: true, arrange: func(f *fakeLambda) {
				f.updating, f.updateFails = 10*time.Second, "the role cannot be assumed"
			},
			want: rollout.Failed, reason: "the role cannot be assumed", calls: unmoved, end: 10,
		},
		{
			name: "version pending for 120 s, then failed", sdk: true, arrange: func(f *fakeLambda) {
				f.activating, f.activationFails = 120*time.Second, "init timed out"
			},
			want: rollout.Failed, reason: "version 2: state Failed: init timed out", calls: unmoved, end: 122,
		},
		{
			name: "version pending for 120 s, then active", sdk: true, arrange: func(f *fakeLambda) { f.activating = 120 * time.Second },
			want: rollout.Completed, calls: one, end: 122,
		},
		{
			name: "the failed version again", arrange: func(f *fakeLambda) {
				f.latest.sha = lambdazip.CodeSHA256(mustZip("new"))
				f.versions["2"] = &fakeCode{sha: f.latest.sha, state: types.StateFailed, update: types.LastUpdateStatusSuccessful, reason: "init timed out"}
				f.newest = "2"
			},
			want: rollout.Failed, reason: "init timed out", calls: map[string]int{"UpdateFunctionCode": 0, "UpdateAlias": 0},
		},
		{
			name: "update that never ends", arrange: func(f *fakeLambda) { f.updating = time.Hour },
			want: rollout.TimedOut, reason: "no end after 15m0s", calls: unmoved, end: 900,
		},
		{
			name: "alias touched meanwhile", arrange: func(f *fakeLambda) {
				f.before["UpdateAlias"] = func(f *fakeLambda, n int) {
					if n == 1 {
						f.aliases["PROD"].revision++
					}
				}
			},
			want: rollout.Completed, calls: map[string]int{"UpdateAlias": 2}, end: 3,
		},
		{
			name: "alias moved by someone", arrange: func(f *fakeLambda) {
				f.versions["7"] = &fakeCode{sha: "theirs", state: types.StateActive}
				f.before["UpdateAlias"] = func(f *fakeLambda, n int) {
					if n == 1 {
						f.aliases["PROD"].version = "7"
						f.aliases["PROD"].revision++
					}
				}
			},
			want: rollout.Superseded, reason: "someone else moved alias PROD to version 7", end: 3,
		},
		{
			name: "code overwritten by someone", arrange: func(f *fakeLambda) {
				f.before["PublishVersion"] = func(f *fakeLambda, _ int) { f.latest.sha = "theirs" }
			},
			want: rollout.Superseded, reason: "someone else updated the function's code", calls: unmoved, end: 2,
		},
		{
			name: "leftover weights", arrange: func(f *fakeLambda) { f.aliases["PROD"].weights = map[string]float64{"9": 0.5} },
			want: rollout.Completed, history: []string{"2map[]"}, end: 3,
		},
		{
			name: "leftover weights, code unchanged", change: func(r *Request) { r.Zip = nil },
			arrange: func(f *fakeLambda) { f.aliases["PROD"].weights = map[string]float64{"9": 0.5} },
			want:    rollout.Completed, calls: map[string]int{"UpdateFunctionCode": 0}, history: []string{"1map[]"},
		},
		{
			name: "no alias yet", arrange: func(f *fakeLambda) { delete(f.aliases, "PROD") },
			want: rollout.Completed, calls: map[string]int{"CreateAlias": 1}, end: 3,
		},
		{
			name: "function missing", arrange: func(f *fakeLambda) {
				delete(f.aliases, "PROD")
				f.refuse["GetFunctionConfiguration"] = rollouttest.Times(1, 99, "ResourceNotFoundException")
			},
			want: rollout.NotStarted, reason: "create it first, which apply does", calls: map[string]int{"UpdateFunctionCode": 0},
		},
		{
			name: "alias may not be moved", arrange: func(f *fakeLambda) { f.refuse["UpdateAlias"] = rollouttest.Times(1, 9, "AccessDeniedException") },
			want: rollout.Failed, reason: "point alias PROD at version 2", end: 3,
		},
		{
			name: "throttled everywhere", arrange: func(f *fakeLambda) {
				for _, op := range []string{"GetAlias", "GetFunctionConfiguration", "UpdateFunctionCode", "PublishVersion", "UpdateAlias"} {
					f.refuse[op] = rollouttest.Times(2, 3, "TooManyRequestsException")
				}
			},
			want: rollout.Completed, calls: map[string]int{"UpdateAlias": 1}, end: 3, within: 15,
		},
		{
			name: "canary panics", change: canary(bake), arrange: func(f *fakeLambda) {
				f.functionError, f.payload, f.logLines = "Unhandled", `{"errorType":"Runtime.ExitError"}`, panicLog
			},
			want: rollout.VerificationFailed, reason: "invocation 1 of version 2 failed (Unhandled): {\"errorType\":\"Runtime.ExitError\"}\nlog: panic: index out of range\nlog: goroutine 1 [running]:",
			calls: map[string]int{"Invoke": 1, "UpdateAlias": 0}, end: 3,
		},
		{
			name: "canary is well", change: canary(bake), sdk: false,
			want: rollout.Completed, calls: map[string]int{"Invoke": 3}, history: []string{"1map[2:0.1]", "2map[]"}, end: 63, within: 10,
		},
		{
			name: "alarm in the canary", change: canary(withWatch(alarmAfter(20 * time.Second))),
			want: rollout.RolledBack, reason: "alarm errors is in ALARM", history: []string{"1map[2:0.1]", "1map[]"}, end: 23, within: 8,
		},
		{
			name: "alarm in the canary, its log tells why", change: canary(withWatch(alarmAfter(20 * time.Second))), arrange: func(f *fakeLambda) {
				f.streams = map[string][]string{
					"2026/11/25/[1]00": {"panic: of the version before"},
					"2026/11/25/[2]01": {"panic: no table", "goroutine 1 [running]:", "panic: no table"},
					"2026/11/25/[2]02": {`{"level":"ERROR","msg":"no bucket"}`},
				}
			},
			want: rollout.RolledBack, reason: "alarm errors is in ALARM\nlog: panic: no table\nlog: {\"level\":\"ERROR\",\"msg\":\"no bucket\"}",
			history: []string{"1map[2:0.1]", "1map[]"}, end: 23, within: 10,
		},
		{
			name: "alarm in the canary, its log may not be read", change: canary(withWatch(alarmAfter(20 * time.Second))), arrange: func(f *fakeLambda) {
				f.streams, f.refuse["FilterLogEvents"] = map[string][]string{}, rollouttest.Times(1, 9, "AccessDeniedException")
			},
			want: rollout.RolledBack, reason: "alarm errors is in ALARM", calls: map[string]int{"FilterLogEvents": 1}, end: 23, within: 8,
		},
		{
			name: "canary overtaken by a second deploy", change: canary(bake), arrange: func(f *fakeLambda) {
				f.versions["7"] = &fakeCode{sha: "theirs", state: types.StateActive}
				f.before["GetAlias"] = func(f *fakeLambda, n int) {
					if n == 6 {
						f.aliases["PROD"].version, f.aliases["PROD"].weights = "7", nil
					}
				}
			},
			want: rollout.Superseded, reason: "someone else moved alias PROD to version 7", history: []string{"1map[2:0.1]"}, end: 11, within: 6,
		},
		{
			name: "canary's share taken by someone", change: canary(bake), arrange: func(f *fakeLambda) {
				f.before["GetAlias"] = func(f *fakeLambda, n int) {
					if n == 6 {
						f.aliases["PROD"].weights = nil
					}
				}
			},
			want: rollout.Superseded, reason: "someone else changed the weights of alias PROD", history: []string{"1map[2:0.1]"}, end: 11, within: 6,
		},
		{
			name: "stale read in the canary", change: canary(bake), arrange: func(f *fakeLambda) {
				f.before["GetAlias"] = func(f *fakeLambda, n int) {
					if f.aliases["PROD"].weights = map[string]float64{"2": 0.1}; n < 3 || n == 4 {
						f.aliases["PROD"].weights = nil
					}
				}
			},
			want: rollout.Completed, history: []string{"1map[2:0.1]", "2map[]"}, end: 63, within: 10,
		},
		{
			name: "canary cannot be watched", change: canary(withWatch(func(context.Context, string, string) (string, error) {
				return "", rollouttest.APIError("AccessDeniedException")
			})),
			want: rollout.RolledBack, reason: "could not be completed", history: []string{"1map[2:0.1]", "1map[]"}, end: 3,
		},
		{
			name: "canary given up", change: canary(bake), cancelAt: 30 * time.Second,
			want: rollout.Canceled, reason: "given up", history: []string{"1map[2:0.1]", "1map[]"}, end: 30, within: 2,
		},
		{
			name: "canary's traffic cannot be taken back", change: canary(withWatch(alarmAfter(10 * time.Second))),
			arrange: func(f *fakeLambda) { f.refuse["UpdateAlias"] = rollouttest.Times(2, 99, "AccessDeniedException") },
			want:    rollout.RollbackFailed, reason: "its traffic was not taken back", history: []string{"1map[2:0.1]"}, end: 13, within: 8,
		},
		{
			name: "promotion refused after the canary", change: canary(bake), arrange: func(f *fakeLambda) {
				f.refuse["UpdateAlias"] = rollouttest.Times(2, 2, "AccessDeniedException")
			},
			want: rollout.RolledBack, reason: "could not be completed", history: []string{"1map[2:0.1]", "1map[]"}, end: 63, within: 10,
		},
		{
			name: "canary weight that is none", change: canary(Canary{Bake: time.Minute, Weight: 1}),
			want: rollout.NotStarted, reason: "canary weight 1", calls: map[string]int{"UpdateFunctionCode": 0},
		},
		{
			name: "old versions pruned", change: func(r *Request) { r.Keep = 2 }, arrange: func(f *fakeLambda) {
				for _, v := range []string{"3", "4", "5", "6"} {
					f.versions[v] = &fakeCode{sha: v, state: types.StateActive}
				}
				f.newest = "6"
				f.aliases["CANARY"] = &fakeAlias{version: "4", weights: map[string]float64{"3": 0.2}}
			},
			want: rollout.Completed, left: []string{"1", "3", "4", "6", "7"}, shown: "deleted the old versions 5", end: 3,
		},
	}
}

// panicLog is what Lambda shows of an invocation in which a Go program panicked.
const panicLog = `INIT_START Runtime Version: provided:al2023.v58
START RequestId: 6f1c Version: 2
reading 3 records
panic: index out of range

goroutine 1 [running]:
main.parse(...)
	/src/cmd/processor/parse.go:40
main.handle({0xc000012345, 0x10})
	/src/cmd/processor/main.go:31 +0x1d
main.main()
	/src/cmd/processor/main.go:12 +0x25
exit status 2
END RequestId: 6f1c
REPORT RequestId: 6f1c	Duration: 3.10 ms	Billed Duration: 4 ms	Memory Size: 128 MB
`

func mustZip(binary string) []byte {
	a, err := lambdazip.Build([]byte(binary))
	if err != nil {
		panic(err)
	}
	return a.Zip
}

// run plays the scenario with our deployer.
func (s lambdaScenario) run(t *testing.T) rollouttest.Observed {
	var o rollouttest.Observed
	synctest.Test(t, func(t *testing.T) {
		f := newFakeLambda(zipped(t, "old"))
		if s.arrange != nil {
			s.arrange(f)
		}
		start := time.Now()
		ctx := t.Context()
		if s.cancelAt > 0 {
			c, cancel := context.WithTimeout(ctx, s.cancelAt)
			defer cancel()
			ctx = c
		}
		fns := Functions{Lambda: f, Env: poll.Env{Random: func() float64 { return 0.5 }, Progress: func(line string) { o.Said(time.Since(start), line) }}}
		if f.streams != nil {
			fns.Logs = f
		}
		req := Request{Function: "processor", Alias: "PROD", Zip: zipped(t, "new")}
		if s.change != nil {
			if s.change(&req); req.Zip == nil { // the code that is there
				req.Zip = zipped(t, "old")
			}
		}
		res, err := s.play(ctx, fns, req)
		from := f.uploaded
		if from.IsZero() || s.cancelAt > 0 {
			from = start
		}
		o.Outcome, o.Reason, o.Err, o.Calls, o.Seconds = res.Outcome, res.Reason, err, f.calls, time.Since(from).Seconds()
		if res.Ended == s.open {
			t.Errorf("ended is %t: %v", res.Ended, err)
		}
		if s.changed != nil && !slices.Equal(res.Changed, s.changed) {
			t.Errorf("it changed %q, want %q", res.Changed, s.changed)
		}
		truth(t, f, res, err)
		if s.history != nil && !slices.Equal(f.history, s.history) {
			t.Errorf("the alias went %v, want %v", f.history, s.history)
		}
		for _, v := range s.left {
			if f.versions[v] == nil {
				t.Errorf("version %s was deleted", v)
			}
		}
		if s.left != nil && len(f.versions) != len(s.left) {
			t.Errorf("%d versions are left, want %v", len(f.versions), s.left)
		}
	})
	return o
}

// play deploys or restores.
func (s lambdaScenario) play(ctx context.Context, fns Functions, req Request) (Result, error) {
	if s.restore {
		return fns.Restore(ctx, State{Function: req.Function, Alias: req.Alias, Version: "1"}, req.Timeout)
	}
	return fns.Deploy(ctx, req)
}

// truth compares what a result says with what the function is like.
func truth(t *testing.T, f *fakeLambda, res Result, err error) {
	t.Helper()
	if res.Outcome == rollout.Canceled && !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the caller gave up, which does not show in %v", err)
	}
	var said *rollout.Error
	if errors.As(err, &said) && !slices.Equal(said.Changed, res.Changed) {
		t.Errorf("the error lists %q, the result %q", said.Changed, res.Changed)
	}
	if did := len(f.history) > 0 || !f.uploaded.IsZero(); res.Outcome == rollout.NotStarted && did {
		t.Errorf("refused before any change, yet it was changed: %v", f.history)
	}
	if res.Outcome == rollout.NotStarted && len(res.Changed) > 0 {
		t.Errorf("refused before any change, yet it changed %q", res.Changed)
	}
	a := f.aliases["PROD"]
	if a == nil || !res.Ended || res.Previous.Alias == "" {
		return
	}
	now := f.shows(*a)
	if res.Outcome == rollout.Superseded || res.Outcome == rollout.NotStarted {
		return
	}
	if res.Version != now.version || !maps.Equal(res.Weights, now.weights) && len(res.Weights)+len(now.weights) > 0 {
		t.Errorf("it says that the alias names version %s with weights %v, and it names %s with %v", res.Version, res.Weights, now.version, now.weights)
	}
}

// TestVerdictScenarios plays every scenario with Functions, and with what
// others judge by.
func TestVerdictScenarios(t *testing.T) {
	rollouttest.Steady()
	var suite rollouttest.Suite
	for _, s := range slices.Concat(lambdaScenarios(), lostAnswers(), provisionedScenarios(), codeScenarios(), stateScenarios(), openScenarios()) {
		t.Run(s.name, func(t *testing.T) {
			suite.Add(t, "lambda "+s.name, s.run(t), rollouttest.Expectation{
				Want: s.want, Reason: s.reason, Shown: s.shown, Calls: s.calls, End: s.end, Within: s.within,
			}, s.peers()...)
		})
	}
	if sums := suite.Report(t); sums.Scenarios < 125 || sums.Wrong > 0 || sums.Late > 6 {
		t.Errorf("the suite comes to %+v", sums)
	}
}

// newCode is the hash of what the scenarios deploy.
func newCode() string { return lambdazip.CodeSHA256(mustZip("new")) }
