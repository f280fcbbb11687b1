package iam

import (
	"fmt"
	"strings"
)

// KnownKey says whether the emulated AWS can answer a condition key. A key that
// AWS knows and this list does not would read as absent, and a denial with it
// would silently deny nothing: such a policy is refused instead.
func KnownKey(key string) bool {
	key = strings.ToLower(key)
	switch key {
	case "aws:currenttime", "aws:epochtime", "aws:multifactorauthpresent", "aws:principalaccount",
		"aws:principalarn", "aws:principalisawsservice", "aws:principalservicename", "aws:principaltype",
		"aws:requestedregion", "aws:resourceaccount", "aws:securetransport", "aws:sourceaccount", "aws:sourcearn",
		"aws:sourceip", "aws:sourceowner", "aws:tagkeys", "aws:tokenissuetime", "aws:useragent", "aws:userid", "aws:username",
		"aws:viaawsservice",
		"dynamodb:leadingkeys",
		"ec2:createaction", "ec2:region",
		"ecs:cluster", "ecs:createaction", "ecs:service", "ecs:task-definition",
		"elasticloadbalancing:createaction",
		"iam:associatedresourcearn", "iam:awsservicename", "iam:passedtoservice", "iam:permissionsboundary", "iam:policyarn",
		"kms:calleraccount", "kms:grantisforawsresource", "kms:requestalias", "kms:resourcealiases", "kms:viaservice",
		"lambda:functionarn", "lambda:principal",
		"s3:delimiter", "s3:max-keys", "s3:prefix", "s3:resourceaccount", "s3:versionid", "s3:x-amz-acl",
		"s3:x-amz-server-side-encryption", "s3:x-amz-server-side-encryption-aws-kms-key-id",
		"sns:endpoint", "sns:protocol",
		"sts:externalid", "sts:rolesessionname",
		"token.actions.githubusercontent.com:aud", "token.actions.githubusercontent.com:environment",
		"token.actions.githubusercontent.com:job_workflow_ref", "token.actions.githubusercontent.com:ref",
		"token.actions.githubusercontent.com:repository", "token.actions.githubusercontent.com:repository_id",
		"token.actions.githubusercontent.com:repository_owner", "token.actions.githubusercontent.com:repository_owner_id",
		"token.actions.githubusercontent.com:sub":
		return true
	}
	for _, family := range [...]string{
		"aws:principaltag/", "aws:requesttag/", "aws:resourcetag/", "ec2:resourcetag/", "ecs:resourcetag/",
		"elasticloadbalancing:resourcetag/", "iam:resourcetag/", "kms:encryptioncontext:", "secretsmanager:resourcetag/", "ssm:resourcetag/",
	} {
		if rest, found := strings.CutPrefix(key, family); found && rest != "" {
			return true
		}
	}
	return false
}

func unknownKey(key string) error {
	return fmt.Errorf("the condition key %q is not one that the emulated AWS can answer; teach it to emulator/iam and emulator/iam/calls, or leave it out", key)
}

// Context is what is known of a request beyond who does what to which resource.
type Context interface {
	// Lookup gives the values of a condition key, whose case does not matter;
	// present is false for a key that the request does not have.
	Lookup(key string) (values []string, present bool)
}

// Values is a Context of known values, by keys in lower case.
type Values map[string][]string

// Lookup finds the values of a key.
func (v Values) Lookup(key string) ([]string, bool) {
	values, present := v[strings.ToLower(key)]
	return values, present
}

// Set gives a key its values.
func (v Values) Set(key string, values ...string) { v[strings.ToLower(key)] = values }
