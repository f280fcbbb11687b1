// Package lambda deploys code to a function of AWS Lambda and says truthfully how
// that ended: it uploads, publishes a version, tests it and moves an alias to it. Each
// change is sent once, and looked up when its answer is lost; what an answer means is
// decided by Evaluate. Start at Functions.Deploy and Functions.Restore.
package lambda

import (
	"context"
	"maps"
	"strings"
	"time"

	"dagger/sensor-backend/poll"
	"dagger/sensor-backend/rollout"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
)

// API is the part of AWS Lambda that a deploy calls; *lambda.Client has it.
type API interface {
	GetFunctionConfiguration(ctx context.Context, in *lambda.GetFunctionConfigurationInput, opts ...func(*lambda.Options)) (*lambda.GetFunctionConfigurationOutput, error)
	UpdateFunctionCode(ctx context.Context, in *lambda.UpdateFunctionCodeInput, opts ...func(*lambda.Options)) (*lambda.UpdateFunctionCodeOutput, error)
	PublishVersion(ctx context.Context, in *lambda.PublishVersionInput, opts ...func(*lambda.Options)) (*lambda.PublishVersionOutput, error)
	GetAlias(ctx context.Context, in *lambda.GetAliasInput, opts ...func(*lambda.Options)) (*lambda.GetAliasOutput, error)
	CreateAlias(ctx context.Context, in *lambda.CreateAliasInput, opts ...func(*lambda.Options)) (*lambda.CreateAliasOutput, error)
	UpdateAlias(ctx context.Context, in *lambda.UpdateAliasInput, opts ...func(*lambda.Options)) (*lambda.UpdateAliasOutput, error)
	GetProvisionedConcurrencyConfig(ctx context.Context, in *lambda.GetProvisionedConcurrencyConfigInput, opts ...func(*lambda.Options)) (*lambda.GetProvisionedConcurrencyConfigOutput, error)
	ListAliases(ctx context.Context, in *lambda.ListAliasesInput, opts ...func(*lambda.Options)) (*lambda.ListAliasesOutput, error)
	ListVersionsByFunction(ctx context.Context, in *lambda.ListVersionsByFunctionInput, opts ...func(*lambda.Options)) (*lambda.ListVersionsByFunctionOutput, error)
	DeleteFunction(ctx context.Context, in *lambda.DeleteFunctionInput, opts ...func(*lambda.Options)) (*lambda.DeleteFunctionOutput, error)
	Invoke(ctx context.Context, in *lambda.InvokeInput, opts ...func(*lambda.Options)) (*lambda.InvokeOutput, error)
}

// Functions deploys to Lambda functions.
type Functions struct {
	// Lambda is the API.
	Lambda API
	// Logs finds the errors that a failed canary logged; nil means that logs are
	// not shown.
	Logs LogSearch
	// Env is the clock, the randomness, where progress goes, and the fence that is asked
	// before each change.
	Env poll.Env
}

// Request says what to deploy where.
type Request struct {
	// Function is the function's name or ARN, without a version.
	Function string
	// Alias is the alias that callers use; it is moved to the new version, and
	// created if it does not exist.
	Alias string
	// Zip, Object and Image are the code; exactly one of them is set. Zip is a
	// deployment package, at most lambdazip.MaxDirectUpload bytes.
	Zip []byte
	// Object is a deployment package in S3.
	Object Object
	// Image is a container image by digest, REPOSITORY@sha256:HEX, in a registry of
	// ECR.
	Image string
	// Canary tests the new version before it gets all the traffic; the zero value
	// tests nothing.
	Canary Canary
	// Keep is how many published versions stay after a deploy that succeeded;
	// zero deletes none. Versions that an alias uses, the new one and the one before
	// always stay.
	Keep int
	// Timeout bounds the deploy without the canary's bake; zero means
	// DefaultTimeout.
	Timeout time.Duration
}

// Object is a deployment package in Amazon S3, in the function's region.
type Object struct {
	// Bucket, Key and Version name the object; Version is empty in a bucket without
	// versions.
	Bucket, Key, Version string
	// CodeSHA256 is the base64 of the package's SHA-256 if it is known, empty
	// otherwise: with it, code that the function has already is not sent again.
	CodeSHA256 string
}

// Canary says how a new version is tested.
type Canary struct {
	// Invocations is how often the new version itself is invoked, before it gets
	// any traffic; one that fails ends the deploy as VerificationFailed.
	Invocations int
	// Payload is what it is invoked with: an event without side effects.
	Payload []byte
	// Weight is the share of the traffic, above 0 and below 1, that the new
	// version gets for the time of Bake.
	Weight float64
	// Bake is how long it has that share; zero moves all the traffic at once. Lambda
	// refuses shares on an alias with provisioned concurrency.
	Bake time.Duration
	// Watch is asked throughout the bake what is wrong with the version; an
	// empty answer means nothing is. Any other answer, or an error that does not
	// pass, takes the traffic back.
	Watch func(ctx context.Context, function, version string) (wrong string, err error)
	// MaxErrorRate is the share of the new version's invocations through the
	// alias, above 0 and below 1, that may fail during the bake; more take the
	// traffic back. Zero checks none. CloudWatch is a minute or more behind and
	// may have no data for a short bake: absent data decides nothing.
	MaxErrorRate float64
	// Metrics has the number of errors; MaxErrorRate needs it.
	Metrics Metrics
}

// DefaultTimeout is how long a deploy may take if Request.Timeout is zero. A
// large image, SnapStart and provisioned concurrency take minutes each.
const DefaultTimeout = 15 * time.Minute

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
	// Ended is true when nothing that this deploy began can change any more what
	// the alias serves. It is false while the alias still moves, or when it is not
	// known whether a change of the alias took effect.
	Ended bool
	// Changed lists, in order, what this deploy changed.
	Changed []string
	// Reason is AWS's explanation, or what was unchanged.
	Reason string
	// Previous is where the alias pointed before.
	Previous State
	// Version is the version that the alias names now, and Weights the shares that
	// other versions have now.
	Version string
	Weights map[string]float64
	// CodeSHA256 is the hash of the deployed code, as Lambda reports it.
	CodeSHA256 string
	// Uploaded is true when the code was sent; it is not when the function has
	// it already.
	Uploaded bool
	// Pruned lists the versions that were deleted.
	Pruned []string
	// Elapsed is the time that the deploy took.
	Elapsed time.Duration
}

// Moved reports whether the alias serves something else than before, so that
// Restore has something to do.
func (r Result) Moved() bool {
	return r.Version != r.Previous.Version || !maps.Equal(r.Weights, r.Previous.Weights)
}

// Summary is the result without what only Lambda has.
func (r Result) Summary() rollout.Summary {
	return rollout.Summary{
		Outcome: r.Outcome, Version: r.Version, Previous: r.Previous.Version, Elapsed: r.Elapsed, Reason: r.Reason,
		Open: r.Outcome != "" && r.Outcome != rollout.NotStarted && !r.Ended, Changed: strings.Join(r.Changed, ", "),
	}
}
