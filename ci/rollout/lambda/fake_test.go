package lambda

import (
	"context"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"dagger/sensor-backend/lambdazip"
	"dagger/sensor-backend/rollout/rollouttest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// fakeCode is the state of $LATEST or of a version.
type fakeCode struct {
	sha      string
	state    types.State
	update   types.LastUpdateStatus
	reason   string
	revision int
}

// fakeAlias is an alias with its lock.
type fakeAlias struct {
	version  string
	weights  map[string]float64
	revision int
}

// fakeLambda is a function whose updates take as long as a script says.
type fakeLambda struct {
	latest   fakeCode
	versions map[string]*fakeCode
	aliases  map[string]*fakeAlias

	// updating and activating are how long an update and a new version take;
	// the failures are how they end, if not well.
	updating, activating         time.Duration
	updateFails, activationFails string
	updateDone, activeAt         time.Time
	newest                       string
	uploaded                     time.Time

	// refuse is what the nth call of an operation fails with before it has any effect,
	// and lose the same after it had its effect. hang makes it get no answer, without
	// an effect, and hangAfter with it.
	refuse, lose    map[string]func(n int) error
	hang, hangAfter map[string]func(n int) bool
	before          map[string]func(f *fakeLambda, n int)

	// stale is how long reads show what was before a change.
	stale      time.Duration
	shownCode  fakeCode
	shownAlias *fakeAlias
	// codeAt, versionAt and aliasAt are when each was changed.
	codeAt, versionAt, aliasAt time.Time

	// kind is how the function is packaged, resolved the hash of an object in S3, and
	// seconds the function's own time limit.
	kind     types.PackageType
	resolved string
	seconds  int32

	// provisioned is how long an alias with provisioned concurrency moves; 0 is an
	// alias without. provisionedFails is how that ends, if not well.
	provisioned      time.Duration
	provisionedFails string
	moved            time.Time
	movedFrom        string

	functionError, payload, logLines string
	// failing is how many invocations fail; 0 is all.
	failing int
	// streams are the log's lines by stream; nil means that it is not read.
	streams map[string][]string

	calls map[string]int
	// history is each state the alias was in.
	history []string
}

// newFakeLambda has version 1 with old code behind the alias PROD.
func newFakeLambda(code []byte) *fakeLambda {
	sha := lambdazip.CodeSHA256(code)
	return &fakeLambda{
		latest:   fakeCode{sha: sha, state: types.StateActive, update: types.LastUpdateStatusSuccessful},
		versions: map[string]*fakeCode{"1": {sha: sha, state: types.StateActive, update: types.LastUpdateStatusSuccessful}},
		aliases:  map[string]*fakeAlias{"PROD": {version: "1"}},
		newest:   "1", updating: 2 * time.Second, activating: time.Second,
		refuse: map[string]func(int) error{}, lose: map[string]func(int) error{},
		hang: map[string]func(int) bool{}, hangAfter: map[string]func(int) bool{},
		before: map[string]func(*fakeLambda, int){}, calls: map[string]int{},
	}
}

// do plays one call, whose effect is given.
func (f *fakeLambda) do(ctx context.Context, op string, effect func() error) error {
	time.Sleep(rollouttest.Latency)
	if err := ctx.Err(); err != nil {
		return err
	}
	f.calls[op]++
	n := f.calls[op]
	if do := f.before[op]; do != nil {
		do(f, n)
	}
	f.pass()
	if hang := f.hang[op]; hang != nil && hang(n) {
		<-ctx.Done()
		return ctx.Err()
	}
	if refuse := f.refuse[op]; refuse != nil {
		if err := refuse(n); err != nil {
			return err
		}
	}
	if err := effect(); err != nil {
		return err
	}
	if hang := f.hangAfter[op]; hang != nil && hang(n) {
		<-ctx.Done()
		return ctx.Err()
	}
	if lose := f.lose[op]; lose != nil {
		return lose(n)
	}
	return nil
}

// pass ends what is under way when its time has come.
func (f *fakeLambda) pass() {
	if !f.updateDone.IsZero() && !time.Now().Before(f.updateDone) {
		f.latest.update, f.latest.reason = types.LastUpdateStatusSuccessful, f.updateFails
		if f.updateFails != "" {
			f.latest.update = types.LastUpdateStatusFailed
		}
		f.updateDone = time.Time{}
		f.latest.revision++
	}
	if !f.activeAt.IsZero() && !time.Now().Before(f.activeAt) {
		v := f.versions[f.newest]
		v.state, v.reason = types.StateActive, f.activationFails
		if f.activationFails != "" {
			v.state = types.StateFailed
		}
		f.activeAt = time.Time{}
	}
}

// isStale reports whether a read still shows what was before a change.
func (f *fakeLambda) isStale(changed time.Time) bool {
	return f.stale > 0 && !changed.IsZero() && time.Since(changed) < f.stale
}

func (c fakeCode) rev() *string { return aws.String(fmt.Sprint("r", c.revision)) }

func (f *fakeLambda) GetFunctionConfiguration(ctx context.Context, in *lambda.GetFunctionConfigurationInput, _ ...func(*lambda.Options)) (out *lambda.GetFunctionConfigurationOutput, err error) {
	err = f.do(ctx, "GetFunctionConfiguration", func() error {
		c, version := f.latest, "$LATEST"
		switch q := aws.ToString(in.Qualifier); {
		case q != "":
			v := f.versions[q]
			if v == nil || q == f.newest && f.isStale(f.versionAt) {
				return rollouttest.APIError("ResourceNotFoundException")
			}
			c, version = *v, q
		case f.isStale(f.codeAt):
			c = f.shownCode
		}
		out = &lambda.GetFunctionConfigurationOutput{
			CodeSha256: &c.sha, State: c.state, LastUpdateStatus: c.update, RevisionId: c.rev(), Version: &version, PackageType: f.kind, Timeout: aws.Int32(f.seconds),
		}
		if c.reason != "" {
			out.LastUpdateStatusReason, out.StateReason = &c.reason, &c.reason
		}
		return nil
	})
	return out, err
}

func (f *fakeLambda) UpdateFunctionCode(ctx context.Context, in *lambda.UpdateFunctionCodeInput, _ ...func(*lambda.Options)) (out *lambda.UpdateFunctionCodeOutput, err error) {
	err = f.do(ctx, "UpdateFunctionCode", func() error {
		if in.RevisionId != nil && *in.RevisionId != *f.latest.rev() {
			return rollouttest.APIError("PreconditionFailedException")
		}
		f.shownCode, f.codeAt = f.latest, time.Now()
		f.latest.revision++
		f.uploaded = time.Now()
		switch {
		case in.S3Bucket != nil:
			f.latest.sha = f.resolved
		case in.ImageUri != nil:
			_, f.latest.sha, _ = strings.Cut(*in.ImageUri, "@sha256:")
		default:
			f.latest.sha = lambdazip.CodeSHA256(in.ZipFile)
		}
		f.latest.update, f.updateDone = types.LastUpdateStatusInProgress, time.Now().Add(f.updating)
		out = &lambda.UpdateFunctionCodeOutput{CodeSha256: aws.String(f.latest.sha), RevisionId: f.latest.rev()}
		return nil
	})
	return out, err
}

// PublishVersion makes none if the code is that of the last one.
func (f *fakeLambda) PublishVersion(ctx context.Context, in *lambda.PublishVersionInput, _ ...func(*lambda.Options)) (out *lambda.PublishVersionOutput, err error) {
	err = f.do(ctx, "PublishVersion", func() error {
		if in.RevisionId != nil && *in.RevisionId != *f.latest.rev() {
			return rollouttest.APIError("PreconditionFailedException")
		}
		if in.CodeSha256 != nil && *in.CodeSha256 != f.latest.sha {
			return rollouttest.APIError("InvalidParameterValueException")
		}
		if v := f.versions[f.newest]; v == nil || v.sha != f.latest.sha {
			n, _ := strconv.Atoi(f.newest)
			f.newest = strconv.Itoa(n + 1)
			f.versions[f.newest] = &fakeCode{sha: f.latest.sha, state: types.StatePending, update: types.LastUpdateStatusSuccessful}
			f.activeAt, f.versionAt = time.Now().Add(f.activating), time.Now()
			f.latest.revision++
		}
		out = &lambda.PublishVersionOutput{Version: aws.String(f.newest), CodeSha256: aws.String(f.versions[f.newest].sha)}
		return nil
	})
	return out, err
}

func routed(w map[string]float64) *types.AliasRoutingConfiguration {
	if len(w) == 0 {
		return nil
	}
	return &types.AliasRoutingConfiguration{AdditionalVersionWeights: maps.Clone(w)}
}

func (a *fakeAlias) rev() *string { return aws.String(fmt.Sprint("a", a.revision)) }

// shows is what Lambda shows of an alias, which for a while has weights of its own
// once one with provisioned concurrency is changed.
func (f *fakeLambda) shows(a fakeAlias) fakeAlias {
	switch past := time.Since(f.moved); {
	case f.moved.IsZero() || past >= f.provisioned && f.provisionedFails == "":
	case past < f.provisioned/2:
		a.weights = map[string]float64{f.movedFrom: 1}
	default:
		a.version, a.weights = f.movedFrom, map[string]float64{a.version: 0.5}
	}
	return a
}

func (f *fakeLambda) GetAlias(ctx context.Context, in *lambda.GetAliasInput, _ ...func(*lambda.Options)) (out *lambda.GetAliasOutput, err error) {
	err = f.do(ctx, "GetAlias", func() error {
		a := f.aliases[*in.Name]
		if f.isStale(f.aliasAt) {
			a = f.shownAlias
		}
		if a == nil {
			return rollouttest.APIError("ResourceNotFoundException")
		}
		shown := f.shows(*a)
		out = &lambda.GetAliasOutput{Name: in.Name, FunctionVersion: aws.String(shown.version), RoutingConfig: routed(shown.weights), RevisionId: shown.rev()}
		return nil
	})
	return out, err
}

// keepShown keeps what stale reads show of the alias.
func (f *fakeLambda) keepShown(name string) {
	f.aliasAt, f.shownAlias = time.Now(), nil
	if a := f.aliases[name]; a != nil {
		was := *a
		f.shownAlias = &was
	}
}

func (f *fakeLambda) CreateAlias(ctx context.Context, in *lambda.CreateAliasInput, _ ...func(*lambda.Options)) (out *lambda.CreateAliasOutput, err error) {
	err = f.do(ctx, "CreateAlias", func() error {
		if f.aliases[*in.Name] != nil {
			return rollouttest.APIError("ResourceConflictException")
		}
		f.keepShown(*in.Name)
		f.aliases[*in.Name] = &fakeAlias{version: *in.FunctionVersion}
		f.history = append(f.history, *in.FunctionVersion+"map[]")
		out = &lambda.CreateAliasOutput{FunctionVersion: in.FunctionVersion}
		return nil
	})
	return out, err
}

// UpdateAlias keeps old weights when it is given no routing configuration, as
// Lambda does.
func (f *fakeLambda) UpdateAlias(ctx context.Context, in *lambda.UpdateAliasInput, _ ...func(*lambda.Options)) (out *lambda.UpdateAliasOutput, err error) {
	err = f.do(ctx, "UpdateAlias", func() error {
		a := f.aliases[*in.Name]
		if in.RevisionId != nil && *in.RevisionId != *a.rev() {
			return rollouttest.APIError("PreconditionFailedException")
		}
		if v := f.versions[*in.FunctionVersion]; v == nil || v.state == types.StatePending || v.state == types.StateFailed {
			return rollouttest.APIError("ResourceConflictException")
		}
		if f.provisioned > 0 && in.RoutingConfig != nil && len(in.RoutingConfig.AdditionalVersionWeights) > 0 {
			return rollouttest.APIError("InvalidParameterValueException")
		}
		f.keepShown(*in.Name)
		if f.provisioned > 0 {
			f.movedFrom, f.moved = a.version, time.Now()
		}
		a.version = *in.FunctionVersion
		if in.RoutingConfig != nil {
			a.weights = maps.Clone(in.RoutingConfig.AdditionalVersionWeights)
		}
		a.revision++
		f.history = append(f.history, fmt.Sprintf("%s%v", a.version, a.weights))
		shown := f.shows(*a)
		out = &lambda.UpdateAliasOutput{FunctionVersion: aws.String(shown.version), RoutingConfig: routed(shown.weights), RevisionId: a.rev()}
		return nil
	})
	return out, err
}

func (f *fakeLambda) GetProvisionedConcurrencyConfig(ctx context.Context, _ *lambda.GetProvisionedConcurrencyConfigInput, _ ...func(*lambda.Options)) (out *lambda.GetProvisionedConcurrencyConfigOutput, err error) {
	err = f.do(ctx, "GetProvisionedConcurrencyConfig", func() error {
		if f.provisioned == 0 {
			return rollouttest.APIError("ProvisionedConcurrencyConfigNotFoundException")
		}
		out = &lambda.GetProvisionedConcurrencyConfigOutput{Status: types.ProvisionedConcurrencyStatusEnumReady}
		switch {
		case time.Since(f.moved) < f.provisioned:
			out.Status = types.ProvisionedConcurrencyStatusEnumInProgress
		case f.provisionedFails != "" && !f.moved.IsZero():
			out.Status, out.StatusReason = types.ProvisionedConcurrencyStatusEnumFailed, &f.provisionedFails
		}
		return nil
	})
	return out, err
}

func (f *fakeLambda) ListAliases(ctx context.Context, _ *lambda.ListAliasesInput, _ ...func(*lambda.Options)) (*lambda.ListAliasesOutput, error) {
	out := &lambda.ListAliasesOutput{}
	return out, f.do(ctx, "ListAliases", func() error {
		for name, a := range f.aliases {
			out.Aliases = append(out.Aliases, types.AliasConfiguration{Name: &name, FunctionVersion: aws.String(a.version), RoutingConfig: routed(a.weights)})
		}
		return nil
	})
}

// ListVersionsByFunction gives one version a page.
func (f *fakeLambda) ListVersionsByFunction(ctx context.Context, in *lambda.ListVersionsByFunctionInput, _ ...func(*lambda.Options)) (out *lambda.ListVersionsByFunctionOutput, err error) {
	err = f.do(ctx, "ListVersionsByFunction", func() error {
		names := append([]string{"$LATEST"}, slices.Sorted(maps.Keys(f.versions))...)
		page, _ := strconv.Atoi(aws.ToString(in.Marker))
		out = &lambda.ListVersionsByFunctionOutput{Versions: []types.FunctionConfiguration{{Version: &names[page]}}}
		if page+1 < len(names) {
			out.NextMarker = aws.String(strconv.Itoa(page + 1))
		}
		return nil
	})
	return out, err
}

func (f *fakeLambda) DeleteFunction(ctx context.Context, in *lambda.DeleteFunctionInput, _ ...func(*lambda.Options)) (*lambda.DeleteFunctionOutput, error) {
	return &lambda.DeleteFunctionOutput{}, f.do(ctx, "DeleteFunction", func() error {
		if f.versions[aws.ToString(in.Qualifier)] == nil {
			return rollouttest.APIError("ResourceNotFoundException")
		}
		delete(f.versions, *in.Qualifier)
		return nil
	})
}

// FilterLogEvents gives one stream a page, and nothing at its first call: the
// lines are not there yet.
func (f *fakeLambda) FilterLogEvents(ctx context.Context, in *cloudwatchlogs.FilterLogEventsInput, _ ...func(*cloudwatchlogs.Options)) (*cloudwatchlogs.FilterLogEventsOutput, error) {
	if err := f.do(ctx, "FilterLogEvents", func() error { return nil }); err != nil {
		return nil, err
	}
	out := &cloudwatchlogs.FilterLogEventsOutput{}
	if *in.LogGroupName != "/aws/lambda/processor" || f.calls["FilterLogEvents"] == 1 {
		return out, nil
	}
	names := slices.Sorted(maps.Keys(f.streams))
	page, _ := strconv.Atoi(aws.ToString(in.NextToken))
	for _, line := range f.streams[names[page]] {
		out.Events = append(out.Events, logtypes.FilteredLogEvent{Message: &line, LogStreamName: &names[page]})
	}
	if page+1 < len(names) {
		out.NextToken = aws.String(strconv.Itoa(page + 1))
	}
	return out, nil
}

func (f *fakeLambda) Invoke(ctx context.Context, in *lambda.InvokeInput, _ ...func(*lambda.Options)) (*lambda.InvokeOutput, error) {
	out := &lambda.InvokeOutput{StatusCode: 200, ExecutedVersion: in.Qualifier, Payload: []byte(`null`)}
	return out, f.do(ctx, "Invoke", func() error {
		if f.functionError != "" && (f.failing == 0 || f.calls["Invoke"] <= f.failing) {
			out.FunctionError, out.Payload = &f.functionError, []byte(f.payload)
			out.LogResult = aws.String(base64.StdEncoding.EncodeToString([]byte(f.logLines)))
		}
		return nil
	})
}
