package access

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"encoding/base64"
	"net/http"
	"strings"
	"time"

	"sensor-backend/emulator/awsapi"
	"sensor-backend/emulator/iam"
)

// Session is a role that was taken, with its keys.
type Session struct {
	// Role is the role's ARN, and Name the session's own name.
	Role, Name string
	// AccessKey, Secret and Token are what requests are signed with until Expires.
	AccessKey, Secret, Token string
	Expires                  time.Time

	roleID   string
	issued   time.Time
	policies []iam.Policy
}

// RoleName is the last part of the role's ARN.
func (s *Session) RoleName() string { return s.Role[strings.LastIndexByte(s.Role, '/')+1:] }

// ARN is the session's own.
func (s *Session) ARN() string {
	return "arn:aws:sts::" + awsapi.DefaultAccount + ":assumed-role/" + s.RoleName() + "/" + s.Name
}

// userID is what GetCallerIdentity and aws:userid say.
func (s *Session) userID() string { return s.roleID + ":" + s.Name }

func (s *Session) principal() iam.Principal {
	return iam.Principal{ARN: s.ARN(), Role: s.Role, Account: awsapi.DefaultAccount}
}

type sessionKey struct{}

func withSession(ctx context.Context, s *Session) context.Context {
	return context.WithValue(ctx, sessionKey{}, s)
}

// SessionOf is the session that a request was admitted for; nil is the
// administrator.
func SessionOf(ctx context.Context) *Session {
	s, _ := ctx.Value(sessionKey{}).(*Session)
	return s
}

// keyBytes make an access key of 20 characters, as AWS's are.
const keyBytes = 10

// open makes a session of a role.
func (a *Access) open(role *role, name string, life time.Duration, policies []iam.Policy) *Session {
	now := a.clock()
	s := &Session{
		Role: role.arn, Name: name, roleID: role.id, issued: now, Expires: now.Add(life).Truncate(time.Second), policies: policies,
		AccessKey: "ASIA" + random(keyBytes), Secret: secret(30), Token: secret(120),
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	// What has ended long ago is an administrator's key from then on, so it stays.
	a.sessions[s.AccessKey] = s
	return s
}

func random(n int) string {
	raw := make([]byte, n)
	_, _ = rand.Read(raw) // never fails (crypto/rand)
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(raw)
}

func secret(n int) string {
	raw := make([]byte, n)
	_, _ = rand.Read(raw) // never fails (crypto/rand)
	return base64.StdEncoding.EncodeToString(raw)
}

// find is the session of an access key; nil for the administrator's.
func (a *Access) find(key string) *Session {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.sessions[key]
}

// whose finds who signed a request: a session, or nil for the administrator.
func (a *Access) whose(r *http.Request) (*Session, *problem) {
	key, token, signature := credentials(r)
	session := a.find(key)
	switch {
	case signature == "":
		return nil, &problem{kind: incomplete, message: "The request signature does not conform to AWS standards: it has no Signature."}
	case session == nil:
		return nil, nil
	case token != session.Token:
		return nil, &problem{kind: invalidToken, message: "The security token included in the request is invalid."}
	case !a.clock().Before(session.Expires):
		return nil, &problem{kind: expired, message: "The security token included in the request is expired"}
	}
	return session, nil
}

// credentials reads who a request says it is from.
func credentials(r *http.Request) (key, token, signature string) {
	query := r.URL.Query()
	if credential := query.Get("X-Amz-Credential"); credential != "" {
		key, _, _ = strings.Cut(credential, "/")
		return key, query.Get("X-Amz-Security-Token"), query.Get("X-Amz-Signature")
	}
	header := r.Header.Get("Authorization")
	_, rest, _ := strings.Cut(header, "Credential=")
	key, _, _ = strings.Cut(strings.TrimSpace(rest), "/")
	_, signature, _ = strings.Cut(header, "Signature=")
	return key, r.Header.Get("X-Amz-Security-Token"), signature
}
