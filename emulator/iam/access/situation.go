package access

import (
	"context"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"sensor-backend/emulator/awsapi"
	"sensor-backend/emulator/iam"
	"sensor-backend/emulator/iam/calls"
)

// situation is the context of one check: what the request says, what is known of
// who asks, and what a policy wants to know of the resource.
type situation struct {
	ctx    context.Context //nolint:containedctx // for as long as a check takes
	access *Access
	region string
	check  calls.Check
	own    iam.Values
	// failed is why a key could not be answered.
	failed error
}

// newSituation makes the context of a check.
func (a *Access) newSituation(ctx context.Context, session *Session, r *http.Request, region string, check calls.Check) *situation {
	now := a.clock().UTC()
	v := iam.Values{}
	v.Set("aws:PrincipalArn", session.Role)
	v.Set("aws:PrincipalAccount", awsapi.DefaultAccount)
	v.Set("aws:PrincipalType", "AssumedRole")
	v.Set("aws:PrincipalIsAWSService", "false")
	v.Set("aws:userid", session.userID())
	v.Set("aws:CurrentTime", now.Format(time.RFC3339))
	v.Set("aws:EpochTime", strconv.FormatInt(now.Unix(), 10))
	v.Set("aws:TokenIssueTime", session.issued.UTC().Format(time.RFC3339))
	v.Set("aws:ResourceAccount", awsapi.DefaultAccount)
	v.Set("aws:RequestedRegion", requested(check, region))
	v.Set("aws:ViaAWSService", strconv.FormatBool(len(check.Context["kms:viaservice"]) > 0))
	v.Set("kms:CallerAccount", awsapi.DefaultAccount)
	v.Set("s3:ResourceAccount", awsapi.DefaultAccount)
	if r != nil {
		// What AWS is spoken to by HTTPS is spoken to here by HTTP: a policy that
		// asks for it means the real one.
		v.Set("aws:SecureTransport", "true")
		v.Set("aws:UserAgent", r.UserAgent())
		if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
			v.Set("aws:SourceIp", host)
		}
	}
	return &situation{ctx: ctx, access: a, region: region, check: check, own: v}
}

// requested is the region as aws:RequestedRegion has it: services that are the
// account's, not a region's, are asked in us-east-1.
func requested(check calls.Check, region string) string {
	service, _, _ := strings.Cut(check.Action, ":")
	switch service {
	case "iam", "budgets", "route53", "sts":
		return awsapi.DefaultRegion
	}
	return region
}

// Lookup answers a condition key.
func (s *situation) Lookup(key string) ([]string, bool) {
	if values, ok := s.check.Context.Lookup(key); ok {
		return values, true
	}
	if values, ok := s.own.Lookup(key); ok {
		return values, true
	}
	lower := strings.ToLower(key)
	switch {
	case lower == "kms:resourcealiases" && isKey(s.check.Resource):
		names, err := s.access.store.aliases(s.ctx, s.check.Resource)
		s.note(err)
		return names, len(names) > 0
	case lower == "iam:permissionsboundary" && strings.Contains(s.check.Resource, ":role/") && s.check.Action != "iam:CreateRole":
		role, err := s.access.store.role(s.ctx, s.check.Resource)
		if notThere(err) {
			return nil, false
		}
		s.note(err)
		if err != nil || role.boundaryARN == "" {
			return nil, false
		}
		return []string{role.boundaryARN}, true
	case strings.Contains(lower, ":resourcetag/"):
		tags, err := s.access.store.tagsOf(s.ctx, s.check.Resource)
		s.note(err)
		for name, value := range tags {
			if strings.EqualFold(name, key[strings.IndexByte(key, '/')+1:]) {
				return []string{value}, true
			}
		}
	}
	return nil, false
}

func (s *situation) note(err error) {
	if s.failed == nil {
		s.failed = err
	}
}
