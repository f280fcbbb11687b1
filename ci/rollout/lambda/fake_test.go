package lambda

import (
	"context"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strconv"
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
	sha    string
	state  types.State
	update types.LastUpdateStatus
	reason string
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
	revision int
	versions map[string]*fakeCode
	aliases  map[string]*fakeAlias

	// updating and activating are how long an update and a new version take;
	// the failures are how they end, if not well.
	updating, activating             time.Duration
	updateFails, activationFails     string
	updateDone, activeAt             time.Time
	newest                           string
	uploaded                         time.Time
	refuse                           map[string]func(n int) error
	before                           map[string]func(f *fakeLambda, n int)
	functionError, payload, logLines string
	// streams are the log's lines by stream; nil means that it is not read.
	streams map[string][]string

	calls map[string]int
	// history is each state the alias was in.
	history []string
}

// newFakeLambda has version 1 with old code behind the alias PROD.
func newFakeLambda(code []byte) *fakeLambda {
	sha := lambdazip.CodeSHA256(code)
	f := &fakeLambda{
		latest:   fakeCode{sha: sha, state: types.StateActive, update: types.LastUpdateStatusSuccessful},
		versions: map[string]*fakeCode{"1": {sha: sha, state: types.StateActive, update: types.LastUpdateStatusSuccessful}},
		aliases:  map[string]*fakeAlias{"PROD": {version: "1"}},
		newest:   "1", updating: 2 * time.Second, activating: time.Second,
		refuse: map[string]func(int) error{}, before: map[string]func(*fakeLambda, int){}, calls: map[string]int{},
	}
	return f
}

func (f *fakeLambda) call(op string) error {
	time.Sleep(rollouttest.Latency)
	f.calls[op]++
	if do := f.before[op]; do != nil {
		do(f, f.calls[op])
	}
	if !f.updateDone.IsZero() && !time.Now().Before(f.updateDone) {
		f.latest.update, f.latest.reason = types.LastUpdateStatusSuccessful, f.updateFails
		if f.updateFails != "" {
			f.latest.update = types.LastUpdateStatusFailed
		}
		f.updateDone = time.Time{}
		f.revision++
	}
	if !f.activeAt.IsZero() && !time.Now().Before(f.activeAt) {
		v := f.versions[f.newest]
		v.state, v.reason = types.StateActive, f.activationFails
		if f.activationFails != "" {
			v.state = types.StateFailed
		}
		f.activeAt = time.Time{}
	}
	if refuse := f.refuse[op]; refuse != nil {
		return refuse(f.calls[op])
	}
	return nil
}

func (f *fakeLambda) rev() *string { return aws.String(fmt.Sprint("r", f.revision)) }

func (f *fakeLambda) GetFunctionConfiguration(_ context.Context, in *lambda.GetFunctionConfigurationInput, _ ...func(*lambda.Options)) (*lambda.GetFunctionConfigurationOutput, error) {
	if err := f.call("GetFunctionConfiguration"); err != nil {
		return nil, err
	}
	c, version := &f.latest, "$LATEST"
	if q := aws.ToString(in.Qualifier); q != "" {
		if c, version = f.versions[q], q; c == nil {
			return nil, rollouttest.APIError("ResourceNotFoundException")
		}
	}
	out := &lambda.GetFunctionConfigurationOutput{CodeSha256: &c.sha, State: c.state, LastUpdateStatus: c.update, RevisionId: f.rev(), Version: &version}
	if c.reason != "" {
		out.LastUpdateStatusReason, out.StateReason = &c.reason, &c.reason
	}
	return out, nil
}

func (f *fakeLambda) UpdateFunctionCode(_ context.Context, in *lambda.UpdateFunctionCodeInput, _ ...func(*lambda.Options)) (*lambda.UpdateFunctionCodeOutput, error) {
	if err := f.call("UpdateFunctionCode"); err != nil {
		return nil, err
	}
	if in.RevisionId != nil && *in.RevisionId != *f.rev() {
		return nil, rollouttest.APIError("PreconditionFailedException")
	}
	f.revision++
	f.uploaded = time.Now()
	f.latest.sha, f.latest.update = lambdazip.CodeSHA256(in.ZipFile), types.LastUpdateStatusInProgress
	f.updateDone = time.Now().Add(f.updating)
	return &lambda.UpdateFunctionCodeOutput{CodeSha256: &f.latest.sha, RevisionId: f.rev()}, nil
}

func (f *fakeLambda) PublishVersion(_ context.Context, in *lambda.PublishVersionInput, _ ...func(*lambda.Options)) (*lambda.PublishVersionOutput, error) {
	if err := f.call("PublishVersion"); err != nil {
		return nil, err
	}
	if in.CodeSha256 != nil && *in.CodeSha256 != f.latest.sha {
		return nil, rollouttest.APIError("InvalidParameterValueException")
	}
	if v := f.versions[f.newest]; v == nil || v.sha != f.latest.sha {
		n, _ := strconv.Atoi(f.newest)
		f.newest = strconv.Itoa(n + 1)
		f.versions[f.newest] = &fakeCode{sha: f.latest.sha, state: types.StatePending, update: types.LastUpdateStatusSuccessful}
		f.activeAt = time.Now().Add(f.activating)
	}
	return &lambda.PublishVersionOutput{Version: aws.String(f.newest), CodeSha256: aws.String(f.versions[f.newest].sha)}, nil
}

func (a *fakeAlias) routing() *types.AliasRoutingConfiguration {
	if len(a.weights) == 0 {
		return nil
	}
	return &types.AliasRoutingConfiguration{AdditionalVersionWeights: maps.Clone(a.weights)}
}

func (a *fakeAlias) rev() *string { return aws.String(fmt.Sprint("a", a.revision)) }

func (f *fakeLambda) GetAlias(_ context.Context, in *lambda.GetAliasInput, _ ...func(*lambda.Options)) (*lambda.GetAliasOutput, error) {
	if err := f.call("GetAlias"); err != nil {
		return nil, err
	}
	a := f.aliases[*in.Name]
	if a == nil {
		return nil, rollouttest.APIError("ResourceNotFoundException")
	}
	return &lambda.GetAliasOutput{Name: in.Name, FunctionVersion: aws.String(a.version), RoutingConfig: a.routing(), RevisionId: a.rev()}, nil
}

func (f *fakeLambda) CreateAlias(_ context.Context, in *lambda.CreateAliasInput, _ ...func(*lambda.Options)) (*lambda.CreateAliasOutput, error) {
	if err := f.call("CreateAlias"); err != nil {
		return nil, err
	}
	f.aliases[*in.Name] = &fakeAlias{version: *in.FunctionVersion}
	return &lambda.CreateAliasOutput{FunctionVersion: in.FunctionVersion}, nil
}

// UpdateAlias keeps old weights when it is given no routing configuration, as
// Lambda does.
func (f *fakeLambda) UpdateAlias(_ context.Context, in *lambda.UpdateAliasInput, _ ...func(*lambda.Options)) (*lambda.UpdateAliasOutput, error) {
	if err := f.call("UpdateAlias"); err != nil {
		return nil, err
	}
	a := f.aliases[*in.Name]
	if in.RevisionId != nil && *in.RevisionId != *a.rev() {
		return nil, rollouttest.APIError("PreconditionFailedException")
	}
	if v := f.versions[*in.FunctionVersion]; v == nil || v.state != types.StateActive {
		return nil, rollouttest.APIError("ResourceConflictException")
	}
	a.version = *in.FunctionVersion
	if in.RoutingConfig != nil {
		a.weights = maps.Clone(in.RoutingConfig.AdditionalVersionWeights)
	}
	a.revision++
	f.history = append(f.history, fmt.Sprintf("%s%v", a.version, a.weights))
	return &lambda.UpdateAliasOutput{FunctionVersion: aws.String(a.version), RoutingConfig: a.routing(), RevisionId: a.rev()}, nil
}

func (f *fakeLambda) ListAliases(context.Context, *lambda.ListAliasesInput, ...func(*lambda.Options)) (*lambda.ListAliasesOutput, error) {
	if err := f.call("ListAliases"); err != nil {
		return nil, err
	}
	out := &lambda.ListAliasesOutput{}
	for name, a := range f.aliases {
		out.Aliases = append(out.Aliases, types.AliasConfiguration{Name: &name, FunctionVersion: aws.String(a.version), RoutingConfig: a.routing()})
	}
	return out, nil
}

// ListVersionsByFunction gives one version a page.
func (f *fakeLambda) ListVersionsByFunction(_ context.Context, in *lambda.ListVersionsByFunctionInput, _ ...func(*lambda.Options)) (*lambda.ListVersionsByFunctionOutput, error) {
	if err := f.call("ListVersionsByFunction"); err != nil {
		return nil, err
	}
	names := append([]string{"$LATEST"}, slices.Sorted(maps.Keys(f.versions))...)
	page, _ := strconv.Atoi(aws.ToString(in.Marker))
	out := &lambda.ListVersionsByFunctionOutput{Versions: []types.FunctionConfiguration{{Version: &names[page]}}}
	if page+1 < len(names) {
		out.NextMarker = aws.String(strconv.Itoa(page + 1))
	}
	return out, nil
}

func (f *fakeLambda) DeleteFunction(_ context.Context, in *lambda.DeleteFunctionInput, _ ...func(*lambda.Options)) (*lambda.DeleteFunctionOutput, error) {
	if err := f.call("DeleteFunction"); err != nil {
		return nil, err
	}
	delete(f.versions, *in.Qualifier)
	return &lambda.DeleteFunctionOutput{}, nil
}

// FilterLogEvents gives one stream a page, and nothing at its first call: the
// lines are not there yet.
func (f *fakeLambda) FilterLogEvents(_ context.Context, in *cloudwatchlogs.FilterLogEventsInput, _ ...func(*cloudwatchlogs.Options)) (*cloudwatchlogs.FilterLogEventsOutput, error) {
	if err := f.call("FilterLogEvents"); err != nil {
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

func (f *fakeLambda) Invoke(_ context.Context, in *lambda.InvokeInput, _ ...func(*lambda.Options)) (*lambda.InvokeOutput, error) {
	if err := f.call("Invoke"); err != nil {
		return nil, err
	}
	out := &lambda.InvokeOutput{StatusCode: 200, ExecutedVersion: in.Qualifier, Payload: []byte(`null`)}
	if f.functionError != "" {
		out.FunctionError, out.Payload = &f.functionError, []byte(f.payload)
		out.LogResult = aws.String(base64.StdEncoding.EncodeToString([]byte(f.logLines)))
	}
	return out, nil
}
