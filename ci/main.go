// The delivery pipeline of the sensor backend: test, build and push,
// infrastructure, deploy to Lambda and ECS side by side, notify.
//
// Without AWS credentials every function works on an emulated AWS that really
// runs what is deployed; with credentials it works on that account.
package main

import (
	"errors"
	"strings"

	"dagger/sensor-backend/gitref"
	"dagger/sensor-backend/internal/dagger"
	"dagger/sensor-backend/login"
	"dagger/sensor-backend/target"
)

// SensorBackend is the delivery pipeline of the sensor backend.
type SensorBackend struct {
	// +private
	Services *dagger.Directory
	// +private
	Infra *dagger.Directory
	// +private
	EmulatorSource *dagger.Directory
	// +private
	Repository *dagger.Directory
	// +private
	Project string
	// +private
	Environment string
	// +private
	Region string
	// +private
	GivenArchitecture string
	// +private
	GivenBranch string
	// +private
	GivenCommit string
	// +private
	AccessKeyID *dagger.Secret
	// +private
	SecretAccessKey *dagger.Secret
	// +private
	SessionToken *dagger.Secret
	// +private
	CredentialExpiration string
	// +private
	RoleARN string
	// +private
	ApplyRoleARN string
	// +private
	WebIdentityToken *dagger.Secret
	// +private
	WriteKey *dagger.Secret
	// +private
	IDTokenRequestURL *dagger.Secret
	// +private
	IDTokenRequestToken *dagger.Secret
	// +private
	RunningEmulator *dagger.Service
}

// New gathers what the pipeline works on. Nothing is contacted yet; what is
// given is checked here, except the credentials, which are checked on use.
func New(
	// The Go module of the API and the processor.
	// +defaultPath="/services"
	// +ignore=["**/*.out"]
	services *dagger.Directory,
	// The Terraform configuration.
	// +defaultPath="/infra"
	// +ignore=["**/.terraform", "**/.terraform.lock.hcl", "**/*.tfstate*", "**/*.tfplan", "*.tfvars"]
	infra *dagger.Directory,
	// The Go module of the emulated AWS.
	// +defaultPath="/emulator"
	emulatorSource *dagger.Directory,
	// The repository's HEAD, references and history, from which branch, commit and versions are read.
	// +defaultPath="/"
	// +ignore=["*", "!.git/HEAD", "!.git/refs", "!.git/packed-refs", "!.git/objects", "!.git/shallow"]
	repository *dagger.Directory,
	// Name that every resource starts with: 2 to 20 lower-case letters, digits or dashes.
	// +default="sensor-backend"
	projectName string,
	// Environment to work on, each with a state of its own: dev, staging or prod.
	// +default="dev"
	environment string,
	// AWS region code.
	// +default="us-east-1"
	awsRegion string,
	// Processor architecture of API and processor, amd64 or arm64. By default arm64 in an AWS account (it costs less there) and the engine's own on the emulated AWS.
	// +optional
	architecture string,
	// Branch to name in the image tag, where .git does not tell (a detached checkout).
	// +optional
	branch string,
	// Commit to name in image tag and version, 40 hex digits, where .git does not tell.
	// +optional
	commit string,
	// AWS access key id, such as env://AWS_ACCESS_KEY_ID. Without it the AWS is emulated.
	// +optional
	awsAccessKeyID *dagger.Secret,
	// AWS secret access key, such as env://AWS_SECRET_ACCESS_KEY.
	// +optional
	awsSecretAccessKey *dagger.Secret,
	// Session token of temporary AWS credentials, such as env://AWS_SESSION_TOKEN.
	// +optional
	awsSessionToken *dagger.Secret,
	// When temporary credentials end, as AWS_CREDENTIAL_EXPIRATION says it: 2026-01-31T12:00:00Z. A stage that may take longer is not started.
	// +optional
	awsCredentialExpiration string,
	// ARN of a role to take by an identity token instead of keys. Its credentials are renewed as long as a run lasts.
	// +optional
	awsRoleARN string,
	// ARN of the role that changes the infrastructure, taken by the same identity token. By default aws-role-arn does that as well.
	// +optional
	awsApplyRoleARN string,
	// Identity token that the role trusts, such as env://AWS_WEB_IDENTITY_TOKEN. In a GitHub job leave it out and give the two below.
	// +optional
	awsWebIdentityToken *dagger.Secret,
	// Key that may write to the API, for smoke, negative and load where the API asks for one; see write_keys_parameter in infra.
	// +optional
	writeKey *dagger.Secret,
	// Where a GitHub job gets its identity tokens: env://ACTIONS_ID_TOKEN_REQUEST_URL.
	// +optional
	idTokenRequestURL *dagger.Secret,
	// What the job shows there: env://ACTIONS_ID_TOKEN_REQUEST_TOKEN.
	// +optional
	idTokenRequestToken *dagger.Secret,
	// Emulated AWS that runs already, such as tcp://localhost:4566 after `dagger call emulator up`. Without it each call starts a fresh one.
	// +optional
	emulator *dagger.Service,
) (*SensorBackend, error) {
	err := errors.Join(
		target.CheckProject(projectName),
		target.CheckEnvironment(environment),
		target.CheckRegion(awsRegion),
		checkArchitecture(architecture),
		checkOptional(branch, gitref.CheckBranch),
		checkOptional(commit, gitref.CheckCommit),
		checkOptional(strings.TrimSpace(awsRoleARN), login.CheckRole),
		checkOptional(strings.TrimSpace(awsApplyRoleARN), login.CheckRole),
		checkOptional(awsCredentialExpiration, checkTime),
	)
	if err != nil {
		return nil, err
	}
	return &SensorBackend{
		Services:          services,
		Infra:             infra,
		EmulatorSource:    emulatorSource,
		Repository:        repository,
		Project:           projectName,
		Environment:       environment,
		Region:            awsRegion,
		GivenArchitecture: architecture,
		GivenBranch:       branch,
		GivenCommit:       commit,
		AccessKeyID:       awsAccessKeyID,
		SecretAccessKey:   awsSecretAccessKey,
		SessionToken:      awsSessionToken,

		CredentialExpiration: awsCredentialExpiration,
		RoleARN:              strings.TrimSpace(awsRoleARN),
		ApplyRoleARN:         strings.TrimSpace(awsApplyRoleARN),
		WebIdentityToken:     awsWebIdentityToken,
		WriteKey:             writeKey,
		IDTokenRequestURL:    idTokenRequestURL,
		IDTokenRequestToken:  idTokenRequestToken,
		RunningEmulator:      emulator,
	}, nil
}
