package lambda

import (
	"context"
	"fmt"
	"time"

	"dagger/sensor-backend/rollout"
	"dagger/sensor-backend/rollout/rollouttest"

	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// lostAnswers are deploys in which the answer to a change is lost: in each way in
// which that happens, for each change that there is. All of them succeed, and each
// change takes effect once.
func lostAnswers() []lambdaScenario {
	first := func(n int) bool { return n == 1 }
	ways := []struct {
		name string
		// effect is true where the request had its effect.
		effect bool
		// hangs is how long it is waited for an answer.
		hangs  float64
		script func(f *fakeLambda, op string)
	}{
		{"fails after its effect", true, 0, func(f *fakeLambda, op string) { f.lose[op] = rollouttest.Times(1, 1, "ServiceException") }},
		{"fails before its effect", false, 0, func(f *fakeLambda, op string) { f.refuse[op] = rollouttest.Times(1, 1, "ServiceException") }},
		{"gets no answer after its effect", true, 15, func(f *fakeLambda, op string) { f.hangAfter[op] = first }},
		{"gets no answer before its effect", false, 15, func(f *fakeLambda, op string) { f.hang[op] = first }},
		{"is throttled", false, 0, func(f *fakeLambda, op string) { f.refuse[op] = rollouttest.Times(1, 1, "TooManyRequestsException") }},
	}
	moved := []string{"code uploaded", "version 2 published", "alias PROD set to version 2"}
	shares := "alias PROD set to version 1 with 10 % of the traffic for version 2"
	canary := Canary{Weight: 0.1, Bake: 10 * time.Second}
	changes := []struct {
		op      string
		arrange func(*fakeLambda)
		change  func(*Request)
		changed []string
		history []string
		end     float64
	}{
		{op: "UpdateFunctionCode", changed: moved, history: []string{"2map[]"}},
		{op: "PublishVersion", changed: moved, history: []string{"2map[]"}},
		{op: "UpdateAlias", changed: moved, history: []string{"2map[]"}},
		{op: "CreateAlias", arrange: func(f *fakeLambda) { delete(f.aliases, "PROD") }, changed: moved, history: []string{"2map[]"}},
		{
			op: "UpdateAlias", change: func(r *Request) { r.Canary = canary },
			changed: []string{"code uploaded", "version 2 published", shares, "alias PROD set to version 2"}, history: []string{"1map[2:0.1]", "2map[]"}, end: 13,
		},
		{
			op: "DeleteFunction", change: func(r *Request) { r.Keep = 1 }, arrange: func(f *fakeLambda) { f.versions["0"] = &fakeCode{} },
			changed: append([]string{"code uploaded", "version 2 published", "alias PROD set to version 2"}, "old version 0 deleted"), history: []string{"2map[]"},
		},
	}
	var all []lambdaScenario
	for _, c := range changes {
		for _, way := range ways {
			name := c.op
			if c.end > 0 {
				name += " with a share"
			}
			end := max(c.end, 3) + way.hangs
			if c.op == "UpdateFunctionCode" && !way.effect {
				end -= way.hangs // the time begins with the upload that has an effect
			}
			all = append(all, lambdaScenario{
				name: name + " " + way.name, change: c.change, want: rollout.Completed, changed: c.changed, history: c.history, end: end,
				arrange: func(f *fakeLambda) {
					if c.arrange != nil {
						c.arrange(f)
					}
					way.script(f, c.op)
				},
			})
		}
	}
	back := func(f *fakeLambda) {
		f.versions["2"] = &fakeCode{sha: "new", state: types.StateActive, update: types.LastUpdateStatusSuccessful}
		f.aliases["PROD"].version = "2"
	}
	for _, way := range ways {
		all = append(all, lambdaScenario{
			name: "Restore's UpdateAlias " + way.name, restore: true, want: rollout.Completed, changed: []string{"alias PROD set to version 1"}, history: []string{"1map[]"}, end: way.hangs,
			arrange: func(f *fakeLambda) {
				back(f)
				way.script(f, "UpdateAlias")
			},
		})
	}
	return all
}

// everyTenth fails each tenth call.
func everyTenth(n int) error {
	if n%10 == 0 {
		return rollouttest.APIError("ServiceException")
	}
	return nil
}

// openScenarios end before it is known what became of the alias, or with it where it
// should not be.
func openScenarios() []lambdaScenario {
	always := func(int) bool { return true }
	expired := rollouttest.Times(1, 99, "ExpiredTokenException")
	from := func(n int, code string) func(int) error { return rollouttest.Times(n, 99, code) }
	alarm := func(after time.Duration) func(context.Context, string, string) (string, error) {
		var start time.Time
		return func(context.Context, string, string) (string, error) {
			if start.IsZero() {
				start = time.Now()
			}
			if time.Since(start) >= after {
				return "alarm errors is in ALARM", nil
			}
			return "", nil
		}
	}
	uploaded, published := "code uploaded", "version 2 published"
	return []lambdaScenario{
		{
			name: "the alias moved, its answer was lost, and the credentials ended", want: rollout.Lost, open: true,
			reason: "it is not known whether alias PROD was set to version 2", changed: []string{uploaded, published}, end: 3,
			arrange: func(f *fakeLambda) {
				f.lose["UpdateAlias"] = rollouttest.Times(1, 1, "ServiceException")
				f.before["GetAlias"] = func(f *fakeLambda, _ int) {
					if f.calls["UpdateAlias"] > 0 {
						f.refuse["GetAlias"] = expired
					}
				}
			},
		},
		{
			name: "the alias moved, its answer was lost, and another try is denied", want: rollout.Completed, end: 3,
			changed: []string{uploaded, published, "alias PROD set to version 2"},
			arrange: func(f *fakeLambda) {
				f.lose["UpdateAlias"] = rollouttest.Times(1, 1, "ServiceException")
				f.refuse["UpdateAlias"] = from(2, "AccessDeniedException")
			},
		},
		{
			name: "the caller gives up while the alias is moved, which gets an answer", cancelAt: 5 * time.Second, want: rollout.Completed,
			changed: []string{uploaded, published, "alias PROD set to version 2"}, end: 5,
			arrange: func(f *fakeLambda) {
				f.before["UpdateAlias"] = func(*fakeLambda, int) { time.Sleep(1200 * time.Millisecond) }
			},
		},
		{
			name: "the caller gives up while the alias is moved, which gets no answer but moved", cancelAt: 5 * time.Second, want: rollout.Canceled,
			changed: []string{uploaded, published, "alias PROD set to version 2"}, end: 5, within: 2,
			arrange: func(f *fakeLambda) { f.hangAfter["UpdateAlias"] = always },
		},
		{
			name: "the caller gives up while the alias is moved, which gets no answer", cancelAt: 5 * time.Second, want: rollout.Canceled, open: true,
			reason: "not known whether alias PROD was set to version 2", end: 5, within: 2,
			arrange: func(f *fakeLambda) { f.hang["UpdateAlias"] = always },
		},
		{
			name: "the caller gives up before anything is changed", cancelAt: 50 * time.Millisecond, want: rollout.Canceled, changed: []string{},
		},
		{
			name: "the caller gives up while the version is pending", cancelAt: 30 * time.Second, want: rollout.Canceled,
			reason: "deadline exceeded", changed: []string{uploaded, published}, end: 30,
			arrange: func(f *fakeLambda) { f.activating = time.Hour },
		},
		{
			name: "credentials end after the upload", want: rollout.Failed, reason: "ExpiredToken", changed: []string{uploaded},
			arrange: func(f *fakeLambda) { f.refuse["GetFunctionConfiguration"] = from(3, "ExpiredTokenException") },
		},
		{
			name: "nothing answers from the start", want: rollout.NotStarted, reason: "no answer within", changed: []string{},
			arrange: func(f *fakeLambda) { f.hang["GetFunctionConfiguration"] = always }, within: 400,
		},
		{
			name: "nothing answers, with a limit of a minute", want: rollout.TimedOut, reason: "no end after 1m0s", changed: []string{}, end: 60, within: 35,
			change:  func(r *Request) { r.Timeout = time.Minute },
			arrange: func(f *fakeLambda) { f.hang["GetProvisionedConcurrencyConfig"] = always },
		},
		{
			name: "the upload never gets an answer", want: rollout.TimedOut, reason: "no end after 3m0s", changed: []string{"code perhaps uploaded"}, end: 180, within: 130,
			change:  func(r *Request) { r.Timeout = 3 * time.Minute },
			arrange: func(f *fakeLambda) { f.hang["UpdateFunctionCode"] = always },
		},
		{
			name: "the share is taken back, and that answer is lost", want: rollout.RolledBack, reason: "alarm errors is in ALARM",
			change:  func(r *Request) { r.Canary = Canary{Weight: 0.1, Bake: time.Minute, Watch: alarm(10 * time.Second)} },
			arrange: func(f *fakeLambda) { f.lose["UpdateAlias"] = rollouttest.Times(2, 2, "ServiceException") },
			history: []string{"1map[2:0.1]", "1map[]"}, end: 13, within: 10,
		},
		{
			name: "the share's answer is lost, and the next try is denied", want: rollout.Completed, end: 15,
			change: func(r *Request) { r.Canary = Canary{Weight: 0.1, Bake: 10 * time.Second} },
			arrange: func(f *fakeLambda) {
				f.lose["UpdateAlias"] = rollouttest.Times(1, 1, "ServiceException")
				f.refuse["UpdateAlias"] = rollouttest.Times(2, 2, "ServiceException")
			},
			history: []string{"1map[2:0.1]", "2map[]"},
		},
		{
			name: "the share's answer is lost, a read is stale, and the next try is denied", want: rollout.RolledBack, reason: "did not begin", end: 7,
			change: func(r *Request) { r.Canary = Canary{Weight: 0.1, Bake: time.Minute} },
			arrange: func(f *fakeLambda) {
				f.lose["UpdateAlias"] = rollouttest.Times(1, 1, "ServiceException")
				f.refuse["UpdateAlias"] = rollouttest.Times(2, 2, "AccessDeniedException")
				f.before["GetAlias"] = func(f *fakeLambda, _ int) {
					f.stale = 0
					if f.calls["UpdateAlias"] > 0 && f.calls["UpdateAlias"] < 3 {
						f.stale = time.Hour
					}
				}
			},
			history: []string{"1map[2:0.1]", "1map[]"},
		},
		{
			name: "promotion's answer is lost after the canary, and everything is denied then", want: rollout.RollbackFailed, open: true,
			reason: "its traffic was not taken back", end: 13, within: 12,
			change: func(r *Request) { r.Canary = Canary{Weight: 0.1, Bake: 10 * time.Second} },
			arrange: func(f *fakeLambda) {
				f.lose["UpdateAlias"] = rollouttest.Times(2, 2, "ServiceException")
				f.before["GetAlias"] = func(f *fakeLambda, _ int) {
					if f.calls["UpdateAlias"] == 2 {
						f.refuse["GetAlias"] = rollouttest.Times(1, 999, "AccessDeniedException")
					}
				}
			},
			history: []string{"1map[2:0.1]", "2map[]"},
		},
		{
			name: "an old version cannot be deleted", want: rollout.Completed, shown: "old version 0 is left", end: 3,
			change: func(r *Request) { r.Keep = 1 },
			arrange: func(f *fakeLambda) {
				f.versions["0"] = &fakeCode{}
				f.refuse["DeleteFunction"] = from(1, "AccessDeniedException")
			},
			changed: []string{uploaded, published, "alias PROD set to version 2"},
		},
	}
}

// provisionedScenarios have an alias with provisioned concurrency.
func provisionedScenarios() []lambdaScenario {
	provisioned := func(more ...func(*fakeLambda)) func(*fakeLambda) {
		return func(f *fakeLambda) {
			f.provisioned = 90 * time.Second
			for _, arrange := range more {
				arrange(f)
			}
		}
	}
	all := []string{"code uploaded", "version 2 published", "alias PROD set to version 2"}
	at2 := func(f *fakeLambda) {
		f.versions["2"] = &fakeCode{sha: "new", state: types.StateActive, update: types.LastUpdateStatusSuccessful}
		f.newest, f.aliases["PROD"].version = "2", "2"
	}
	return []lambdaScenario{
		{name: "provisioned concurrency", arrange: provisioned(), want: rollout.Completed, changed: all, history: []string{"2map[]"}, end: 93},
		{
			name: "provisioned concurrency, the answer is lost", want: rollout.Completed, changed: all, history: []string{"2map[]"}, end: 93,
			arrange: provisioned(func(f *fakeLambda) { f.lose["UpdateAlias"] = rollouttest.Times(1, 1, "ServiceException") }),
		},
		{
			name: "provisioned concurrency, stale reads", want: rollout.Completed, changed: all, history: []string{"2map[]"}, end: 104,
			arrange: provisioned(func(f *fakeLambda) { f.stale = 5 * time.Second }),
		},
		{
			name: "provisioned concurrency that may not be read", want: rollout.Completed, changed: all, history: []string{"2map[]"}, end: 93,
			shown: "provisioned concurrency is not checked, it may not be read",
			arrange: provisioned(func(f *fakeLambda) {
				f.refuse["GetProvisionedConcurrencyConfig"] = rollouttest.Times(1, 99, "AccessDeniedException")
			}),
		},
		{
			name: "provisioned concurrency that is still allocated for the version before", want: rollout.Completed, history: []string{"2map[]"}, end: 93,
			arrange: provisioned(func(f *fakeLambda) { f.moved, f.movedFrom = time.Now(), "0" }),
		},
		{
			name: "provisioned concurrency that cannot be allocated", want: rollout.RolledBack, reason: "could not be allocated for version 2: no capacity", history: []string{"2map[]", "1map[]"},
			arrange: provisioned(func(f *fakeLambda) {
				f.provisionedFails = "no capacity"
				f.before["UpdateAlias"] = func(f *fakeLambda, n int) {
					if n == 2 {
						f.provisionedFails = ""
					}
				}
			}), end: 184, within: 14,
		},
		{
			name: "provisioned concurrency that takes too long", want: rollout.TimedOut, open: true, reason: "alias PROD is still moving to version 2", history: []string{"2map[]"}, end: 300,
			arrange: provisioned(func(f *fakeLambda) { f.provisioned = time.Hour }), change: func(r *Request) { r.Timeout = 5 * time.Minute }, changed: all,
		},
		{
			name: "provisioned concurrency, given up while it moves", want: rollout.Canceled, open: true, reason: "alias PROD is still moving to version 2", end: 30, within: 2,
			arrange: provisioned(), cancelAt: 30 * time.Second, changed: all,
		},
		{
			name: "provisioned concurrency and a share", want: rollout.NotStarted, reason: "Lambda refuses shares of the traffic", arrange: provisioned(),
			change: func(r *Request) { r.Canary = Canary{Weight: 0.1, Bake: time.Minute} }, changed: []string{},
		},
		{
			name: "provisioned concurrency and test invocations", want: rollout.Completed, arrange: provisioned(), end: 93,
			change: func(r *Request) { r.Canary = Canary{Invocations: 2} }, calls: map[string]int{"Invoke": 2},
		},
		{
			name: "restore under provisioned concurrency", restore: true, want: rollout.Completed, history: []string{"1map[]"}, end: 90,
			arrange: provisioned(at2), changed: []string{"alias PROD set to version 1"},
		},
		{
			name: "restore while the alias moves, which shows the version to go back to", restore: true, want: rollout.Completed, history: []string{"1map[]"}, end: 90,
			arrange: provisioned(at2, func(f *fakeLambda) { f.movedFrom, f.moved = "1", time.Now().Add(-50*time.Second) }), changed: []string{"alias PROD set to version 1"},
		},
		{
			name: "nothing to do under provisioned concurrency", want: rollout.Unchanged, arrange: provisioned(), change: func(r *Request) { r.Zip = nil }, changed: []string{},
		},
	}
}

// codeScenarios deploy code in each form in which it can be given.
func codeScenarios() []lambdaScenario {
	digest := fmt.Sprintf("%064d", 7)
	image := "111111111111.dkr.ecr.us-east-1.amazonaws.com/f@sha256:" + digest
	asImage := func(f *fakeLambda) { f.kind = types.PackageTypeImage }
	giveImage := func(r *Request) { r.Zip, r.Image = []byte{}, image }
	giveObject := func(o Object) func(*Request) { return func(r *Request) { r.Zip, r.Object = []byte{}, o } }
	object := Object{Bucket: "b", Key: "f.zip", Version: "v3"}
	return []lambdaScenario{
		{name: "an image", arrange: asImage, change: giveImage, want: rollout.Completed, shown: "uploaded " + image, end: 3},
		{
			name: "an image that takes two minutes", change: giveImage, want: rollout.Completed, end: 122,
			arrange: func(f *fakeLambda) { asImage(f); f.updating = 2 * time.Minute },
		},
		{
			name: "the same image", change: giveImage, want: rollout.Unchanged, calls: map[string]int{"UpdateFunctionCode": 0},
			arrange: func(f *fakeLambda) { asImage(f); f.latest.sha, f.versions["1"].sha = digest, digest },
		},
		{name: "an image for a function of zips", change: giveImage, want: rollout.NotStarted, reason: "is made from a zip", calls: map[string]int{"UpdateFunctionCode": 0}},
		{name: "a zip for a function of images", arrange: asImage, want: rollout.NotStarted, reason: "is made from a container image", calls: map[string]int{"UpdateFunctionCode": 0}},
		{name: "an object in S3", arrange: func(f *fakeLambda) { f.resolved = "fromS3" }, change: giveObject(object), want: rollout.Completed, shown: "uploaded s3://b/f.zip (fromS3)", end: 3},
		{
			name: "an object in S3 with the same code", arrange: func(f *fakeLambda) { f.resolved = f.latest.sha }, change: giveObject(object),
			want: rollout.Unchanged, calls: map[string]int{"UpdateFunctionCode": 1, "UpdateAlias": 0}, end: 3,
		},
		{
			name: "an object in S3 of which the hash is known", arrange: func(f *fakeLambda) { f.latest.sha, f.versions["1"].sha = "known", "known" },
			change: giveObject(Object{Bucket: "b", Key: "f.zip", CodeSHA256: "known"}), want: rollout.Unchanged, calls: map[string]int{"UpdateFunctionCode": 0},
		},
		{
			name: "an object in S3, the answer is lost", change: giveObject(object), want: rollout.Completed, calls: map[string]int{"UpdateFunctionCode": 2}, end: 3,
			arrange: func(f *fakeLambda) {
				f.resolved, f.lose["UpdateFunctionCode"] = "fromS3", rollouttest.Times(1, 1, "ServiceException")
			},
		},
		{
			name: "code that is not signed", want: rollout.NotStarted, reason: "CodeVerificationFailedException", changed: []string{},
			arrange: func(f *fakeLambda) {
				f.refuse["UpdateFunctionCode"] = rollouttest.Times(1, 9, "CodeVerificationFailedException")
			},
		},
		{
			name: "a signature that is not valid", want: rollout.NotStarted, reason: "InvalidCodeSignatureException", changed: []string{},
			arrange: func(f *fakeLambda) {
				f.refuse["UpdateFunctionCode"] = rollouttest.Times(1, 9, "InvalidCodeSignatureException")
			},
		},
		{
			name: "someone uploaded other code and did not publish it", want: rollout.Completed, end: 3,
			arrange: func(f *fakeLambda) { f.latest.sha = "theirs" },
		},
		{
			name: "someone uploaded this code and did not publish it", want: rollout.Completed, calls: map[string]int{"UpdateFunctionCode": 0}, end: 1,
			arrange: func(f *fakeLambda) { f.latest.sha = newCode() },
			changed: []string{"version 2 published, if it did not exist", "alias PROD set to version 2"},
		},
	}
}

// stateScenarios have functions that are not ready, and reads that are stale.
func stateScenarios() []lambdaScenario {
	return []lambdaScenario{
		{name: "stale reads after each change", want: rollout.Completed, arrange: func(f *fakeLambda) { f.stale = 6 * time.Second }, end: 12},
		{
			name: "stale reads of a failed update before", want: rollout.Completed, end: 12,
			arrange: func(f *fakeLambda) {
				f.stale, f.latest.update, f.latest.reason = 6*time.Second, types.LastUpdateStatusFailed, "of the last deploy"
			},
		},
		{
			name: "stale reads after the alias was created", want: rollout.Completed, end: 18,
			arrange: func(f *fakeLambda) {
				delete(f.aliases, "PROD")
				f.stale, f.lose["CreateAlias"] = 6*time.Second, rollouttest.Times(1, 1, "ServiceException")
			},
		},
		{
			name: "SnapStart: pending for eight minutes", want: rollout.Completed, arrange: func(f *fakeLambda) { f.activating = 8 * time.Minute }, end: 482,
		},
		{
			name: "an idle function is woken by its test", want: rollout.Completed, change: func(r *Request) { r.Canary.Invocations = 1 },
			arrange: func(f *fakeLambda) { f.refuse["Invoke"] = rollouttest.Times(1, 3, "ResourceConflictException") },
			calls:   map[string]int{"Invoke": 4}, end: 9,
		},
		{
			name: "a network that is not ready", want: rollout.Completed, change: func(r *Request) { r.Canary.Invocations = 1 },
			arrange: func(f *fakeLambda) { f.refuse["Invoke"] = rollouttest.Times(1, 2, "ENINotReadyException") }, end: 7,
		},
		{
			name: "a role that may not read its secret in the first minute", want: rollout.Completed, change: func(r *Request) { r.Canary.Invocations = 1 },
			arrange: func(f *fakeLambda) {
				f.functionError, f.failing, f.payload = "Unhandled", 2, `{"errorMessage":"AccessDeniedException: not authorized to perform secretsmanager:GetSecretValue"}`
			},
			shown: "trying again, it may pass", calls: map[string]int{"Invoke": 3}, end: 36,
		},
		{
			name: "a role that may never read its secret", want: rollout.VerificationFailed, reason: "not authorized", change: func(r *Request) { r.Canary.Invocations = 1 },
			arrange: func(f *fakeLambda) { f.functionError, f.payload = "Unhandled", `{"errorMessage":"not authorized"}` },
			calls:   map[string]int{"Invoke": 3, "UpdateAlias": 0}, end: 36, changed: []string{"code uploaded", "version 2 published"},
		},
		{
			name: "a test that never gets an answer", want: rollout.VerificationFailed, reason: "got no answer, 3 times", change: func(r *Request) { r.Canary.Invocations = 1 },
			arrange: func(f *fakeLambda) { f.seconds, f.hang["Invoke"] = 30, func(int) bool { return true } }, end: 273, within: 15,
		},
		{
			name: "a long canary with an AWS that fails in passing", want: rollout.Completed, history: []string{"1map[2:0.1]", "2map[]"}, end: 2403,
			change:  func(r *Request) { r.Canary = Canary{Weight: 0.1, Bake: 40 * time.Minute} },
			arrange: func(f *fakeLambda) { f.refuse["GetAlias"] = everyTenth },
		},
		{
			name: "a restore under provisioned concurrency that cannot be allocated", restore: true, want: rollout.Failed, reason: "could not be allocated for version 1", end: 90,
			arrange: func(f *fakeLambda) {
				f.versions["2"] = &fakeCode{sha: "new", state: types.StateActive, update: types.LastUpdateStatusSuccessful}
				f.newest, f.aliases["PROD"].version, f.provisioned, f.provisionedFails = "2", "2", 90*time.Second, "no capacity"
			},
			changed: []string{"alias PROD set to version 1"},
		},
		{
			name: "a restore to a version that was deleted", restore: true, want: rollout.NotStarted, reason: "read version 1", changed: []string{},
			arrange: func(f *fakeLambda) {
				f.versions["2"] = f.versions["1"]
				f.aliases["PROD"].version = "2"
				delete(f.versions, "1")
			},
		},
		{
			name: "a restore beside someone's deploy", restore: true, want: rollout.Superseded, reason: "someone else moved alias PROD to version 3",
			arrange: func(f *fakeLambda) {
				f.versions["2"], f.versions["3"] = f.versions["1"], f.versions["1"]
				f.aliases["PROD"].version = "2"
				f.before["UpdateAlias"] = func(f *fakeLambda, n int) {
					if n == 1 {
						f.aliases["PROD"].version = "3"
						f.aliases["PROD"].revision++
					}
				}
			},
		},
		{
			name: "the version is published while someone publishes another", want: rollout.Completed, end: 3,
			arrange: func(f *fakeLambda) {
				f.lose["PublishVersion"] = rollouttest.Times(1, 1, "ServiceException")
				f.before["PublishVersion"] = func(f *fakeLambda, n int) {
					if n == 2 {
						f.latest.revision++ // someone changed the configuration
					}
				}
			},
		},
		{
			name: "reserved concurrency of 0", want: rollout.Failed, reason: "was throttled 15 times", change: func(r *Request) { r.Canary.Invocations = 1 },
			arrange: func(f *fakeLambda) { f.refuse["Invoke"] = rollouttest.Times(1, 99, "TooManyRequestsException") },
			calls:   map[string]int{"Invoke": 15, "UpdateAlias": 0}, end: 32, changed: []string{"code uploaded", "version 2 published"},
		},
		{
			name: "the alias is set back by someone", want: rollout.Superseded, reason: "someone else set alias PROD back to version 1", end: 3, within: 30,
			arrange: func(f *fakeLambda) {
				f.provisioned = time.Second
				f.before["GetAlias"] = func(f *fakeLambda, _ int) {
					if f.calls["UpdateAlias"] > 0 {
						f.aliases["PROD"].version, f.aliases["PROD"].weights, f.moved = "1", nil, time.Time{}
					}
				}
			},
		},
		{
			name: "the role may not publish", want: rollout.Failed, reason: "publish a version", changed: []string{"code uploaded"}, end: 2,
			arrange: func(f *fakeLambda) { f.refuse["PublishVersion"] = rollouttest.Times(1, 9, "AccessDeniedException") },
		},
	}
}
