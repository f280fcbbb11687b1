package lambda

import (
	"context"
	"time"

	"dagger/sensor-backend/poll"
	"dagger/sensor-backend/rollout"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
)

// API is the part of AWS Lambda that a deploy calls; *lambda.Client has
// it.
type API interface {
	GetFunctionConfiguration(ctx context.Context, in *lambda.GetFunctionConfigurationInput, opts ...func(*lambda.Options)) (*lambda.GetFunctionConfigurationOutput, error)
	UpdateFunctionCode(ctx context.Context, in *lambda.UpdateFunctionCodeInput, opts ...func(*lambda.Options)) (*lambda.UpdateFunctionCodeOutput, error)
	PublishVersion(ctx context.Context, in *lambda.PublishVersionInput, opts ...func(*lambda.Options)) (*lambda.PublishVersionOutput, error)
	GetAlias(ctx context.Context, in *lambda.GetAliasInput, opts ...func(*lambda.Options)) (*lambda.GetAliasOutput, error)
	CreateAlias(ctx context.Context, in *lambda.CreateAliasInput, opts ...func(*lambda.Options)) (*lambda.CreateAliasOutput, error)
	ListAliases(ctx context.Context, in *lambda.ListAliasesInput, opts ...func(*lambda.Options)) (*lambda.ListAliasesOutput, error)
	ListVersionsByFunction(ctx context.Context, in *lambda.ListVersionsByFunctionInput, opts ...func(*lambda.Options)) (*lambda.ListVersionsByFunctionOutput, error)
	DeleteFunction(ctx context.Context, in *lambda.DeleteFunctionInput, opts ...func(*lambda.Options)) (*lambda.DeleteFunctionOutput, error)
	Invoke(ctx context.Context, in *lambda.InvokeInput, opts ...func(*lambda.Options)) (*lambda.InvokeOutput, error)
	UpdateAlias(ctx context.Context, in *lambda.UpdateAliasInput, opts ...func(*lambda.Options)) (*lambda.UpdateAliasOutput, error)
}

// Functions deploys to Lambda functions.
type Functions struct {
	// Lambda is the API.
	Lambda API
	// Logs finds what a canary that failed complained of; nil means that logs are
	// not shown.
	Logs LogSearch
	// Env is the clock, the randomness and where progress goes.
	Env poll.Env
}

// Request says what to deploy where.
type Request struct {
	// Function is the function's name or ARN, without a version.
	Function string
	// Alias is the alias that callers use; it is moved to the new version, and
	// made if it is not there.
	Alias string
	// Zip is the deployment package.
	Zip []byte
	// Architecture is "arm64" or "x86_64" (upper case and "amd64" are
	// understood too); empty keeps the function's own.
	Architecture string
	// Canary makes the new version prove itself before it gets all the traffic;
	// the zero value asks for no proof.
	Canary Canary
	// Keep is how many published versions stay after a deploy that succeeded;
	// zero keeps all. Versions that an alias uses, the new one and the one before
	// always stay.
	Keep int
	// Timeout bounds the deploy without the canary's bake; zero means
	// DefaultTimeout.
	Timeout time.Duration
}

// Canary says how a new version proves itself.
type Canary struct {
	// Invocations is how often the new version itself is invoked, before it gets
	// any traffic; one that fails ends the deploy as VerificationFailed.
	Invocations int
	// Payload is what it is invoked with: an event that does no harm.
	Payload []byte
	// Weight is the share of the traffic, above 0 and below 1, that the new
	// version gets for the time of Bake.
	Weight float64
	// Bake is how long it has that share. Zero means no shift in steps.
	Bake time.Duration
	// Watch is asked throughout the bake what is wrong with the version; an
	// empty answer is nothing. Any other one, or an error that does not pass, takes
	// the traffic back.
	Watch func(ctx context.Context, function, version string) (wrong string, err error)
	// MaxErrorRate is the share of the new version's invocations through the
	// alias, above 0 and below 1, that may fail during the bake; more take the
	// traffic back. Zero watches none. CloudWatch is a minute or more behind and
	// may have no data for a short bake: absent data is no verdict.
	MaxErrorRate float64
	// Metrics tell the errors; MaxErrorRate needs them.
	Metrics Metrics
}

// DefaultTimeout is how long a function deploy may take unless told
// otherwise.
const DefaultTimeout = 5 * time.Minute

// State is where an alias points at one moment, recorded so that it can
// be restored.
type State struct {
	// Function and Alias name the alias.
	Function, Alias string
	// Version is the version that the alias names; empty if there is no alias.
	Version string
	// Weights are the shares of other versions; empty if there are none.
	Weights map[string]float64
	// CodeSHA256 is the hash of Version's package, if it could be read.
	CodeSHA256 string
	// Since is when Version was made, if it could be read.
	Since time.Time
}

// Result is how a deploy to a function ended.
type Result struct {
	// Outcome is how it ended; see Outcome.OK.
	Outcome rollout.Outcome
	// Reason is AWS's explanation, or what was unchanged.
	Reason string
	// Previous is where the alias pointed before.
	Previous State
	// Version is the version that the alias names now.
	Version string
	// CodeSHA256 is the hash of the deployed package.
	CodeSHA256 string
	// Uploaded is true when the code was sent; it is not when the function has
	// it already.
	Uploaded bool
	// Pruned lists the versions that were deleted.
	Pruned []string
	// Elapsed is the time that the deploy took.
	Elapsed time.Duration
}

// Summary is the result without what only Lambda has.
func (r Result) Summary() rollout.Summary {
	return rollout.Summary{Outcome: r.Outcome, Version: r.Version, Previous: r.Previous.Version, Elapsed: r.Elapsed, Reason: r.Reason}
}
