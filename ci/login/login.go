// Package login gets AWS credentials that last as long as a run: for a role that
// trusts an identity token, which is taken anew each time the credentials end.
// Start at Role.
package login

import (
	"fmt"
	"regexp"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
)

// Session bounds one set of credentials: an hour is what a role grants unless it
// is told otherwise (IAM User Guide, "Maximum session duration"). They are
// replaced refreshBefore their end, so that a call that starts then still ends
// with them.
const (
	session       = time.Hour
	refreshBefore = 10 * time.Minute
)

// roleForm is the form of a role's ARN.
var roleForm = regexp.MustCompile(`^arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+$`)

// CheckRole refuses what is not the ARN of a role.
func CheckRole(arn string) error {
	if !roleForm.MatchString(arn) {
		return fmt.Errorf("role %q: give its ARN, such as arn:aws:iam::111122223333:role/deploy", arn)
	}
	return nil
}

// Role gives credentials of a role by identity tokens (API
// AssumeRoleWithWebIdentity), and new ones before they end. name identifies the
// run in the role's session, in the characters that STS takes.
func Role(api stscreds.AssumeRoleWithWebIdentityAPIClient, arn, name string, token stscreds.IdentityTokenRetriever) *aws.CredentialsCache {
	provider := stscreds.NewWebIdentityRoleProvider(api, arn, token, func(o *stscreds.WebIdentityRoleOptions) {
		o.RoleSessionName, o.Duration = SessionName(name), session
	})
	return aws.NewCredentialsCache(provider, func(o *aws.CredentialsCacheOptions) {
		o.ExpiryWindow = refreshBefore
	})
}

// sessionCharacters are what a session's name may hold (API
// AssumeRoleWithWebIdentity, RoleSessionName).
var sessionCharacters = regexp.MustCompile(`[^\w+=,.@-]+`)

// maxSessionName is how long it may be.
const maxSessionName = 64

// SessionName is a text in the form of a session's name: at least 2 characters,
// at most 64.
func SessionName(text string) string {
	name := sessionCharacters.ReplaceAllString(text, "-")
	if len(name) < 2 {
		name = "pipeline"
	}
	return name[:min(len(name), maxSessionName)]
}
