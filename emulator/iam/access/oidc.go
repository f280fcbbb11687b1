package access

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	"sensor-backend/emulator/awsapi"
)

// issuerHost is GitHub's issuer of tokens for workflows.
const issuerHost = "token.actions.githubusercontent.com"

// tokenLife is how long GitHub's tokens are good.
const tokenLife = 5 * time.Minute

const keyID = "emulated"

// issuer makes tokens as GitHub's issuer does, with a key of its own.
type issuer struct {
	clock func() time.Time

	once   sync.Once
	key    *rsa.PrivateKey
	failed error
}

func (i *issuer) private() (*rsa.PrivateKey, error) {
	i.once.Do(func() {
		const bits = 2048
		i.key, i.failed = rsa.GenerateKey(rand.Reader, bits)
	})
	return i.key, i.failed
}

// job is the workflow's job that a token is for.
type job struct {
	repository, ownerID, repositoryID string
	environment, ref                  string
	pullRequest                       bool
	audience                          string
}

// subject is GitHub's name of the job: with ids, where they are given, for
// repositories made, renamed or transferred since 2026-07-15.
func (j job) subject() string {
	name := j.repository
	if j.ownerID != "" {
		owner, repository, _ := strings.Cut(j.repository, "/")
		name = fmt.Sprintf("%s@%s/%s@%s", owner, j.ownerID, repository, j.repositoryID)
	}
	switch {
	case j.environment != "":
		return "repo:" + name + ":environment:" + j.environment
	case j.pullRequest:
		return "repo:" + name + ":pull_request"
	}
	return "repo:" + name + ":ref:" + j.ref
}

// token makes a token.
func (i *issuer) token(j job) (string, error) {
	key, err := i.private()
	if err != nil {
		return "", err
	}
	now := i.clock()
	owner, _, _ := strings.Cut(j.repository, "/")
	claims := jwt.MapClaims{
		"iss": "https://" + issuerHost, "aud": j.audience, "sub": j.subject(), "jti": uuid.NewString(),
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(tokenLife).Unix(),
		"repository": j.repository, "repository_owner": owner, "ref": j.ref, "event_name": "push",
	}
	if j.pullRequest {
		claims["event_name"] = "pull_request"
	}
	for name, value := range map[string]string{"environment": j.environment, "repository_id": j.repositoryID, "repository_owner_id": j.ownerID} {
		if value != "" {
			claims[name] = value
		}
	}
	t := jwt.NewWithClaims(jwt.SigningMethodRS256, claims)
	t.Header["kid"] = keyID
	return t.SignedString(key)
}

var errExpired = errors.New("the token has expired")

// verify reads a token that the issuer made, and gives its claims that are texts.
func (i *issuer) verify(token string) (map[string]string, error) {
	key, err := i.private()
	if err != nil {
		return nil, err
	}
	claims := jwt.MapClaims{}
	_, err = jwt.ParseWithClaims(token, claims, func(*jwt.Token) (any, error) { return &key.PublicKey, nil },
		jwt.WithValidMethods([]string{jwt.SigningMethodRS256.Alg()}), jwt.WithIssuer("https://"+issuerHost),
		jwt.WithExpirationRequired(), jwt.WithTimeFunc(i.clock))
	if errors.Is(err, jwt.ErrTokenExpired) {
		at, _ := claims.GetExpirationTime()
		return nil, fmt.Errorf("Token expired: current date/time %d must be before the expiration date/time %d: %w", i.clock().Unix(), at.Unix(), errExpired) //nolint:staticcheck // AWS's words
	}
	if err != nil {
		return nil, fmt.Errorf("Couldn't retrieve verification key from your identity provider, please reference AssumeRoleWithWebIdentity documentation for requirements (%w)", err) //nolint:staticcheck // AWS's words
	}
	texts := map[string]string{}
	for name, value := range claims {
		if text, ok := value.(string); ok {
			texts[name] = text
		}
	}
	return texts, nil
}

// serveOIDC answers below /_emulator/oidc/: token makes one, jwks is the key.
func (a *Access) serveOIDC(w http.ResponseWriter, r *http.Request, path string) {
	switch path {
	case "token":
		j, err := readJob(r)
		if err != nil {
			awsapi.WriteREST(w, http.StatusBadRequest, map[string]string{"message": err.Error()})
			return
		}
		token, err := a.issuer.token(j)
		if err != nil {
			awsapi.WriteREST(w, http.StatusInternalServerError, map[string]string{"message": err.Error()})
			return
		}
		awsapi.WriteREST(w, http.StatusOK, map[string]string{"value": token})
	case "jwks":
		key, err := a.issuer.private()
		if err != nil {
			awsapi.WriteREST(w, http.StatusInternalServerError, map[string]string{"message": err.Error()})
			return
		}
		encode := base64.RawURLEncoding.EncodeToString
		awsapi.WriteREST(w, http.StatusOK, map[string]any{"keys": []any{map[string]string{
			"kid": keyID, "kty": "RSA", "alg": "RS256", "use": "sig",
			"n": encode(key.N.Bytes()), "e": encode(big.NewInt(int64(key.E)).Bytes()),
		}}})
	default:
		http.NotFound(w, r)
	}
}

func readJob(r *http.Request) (job, error) {
	query := r.URL.Query()
	j := job{
		repository: query.Get("repository"), environment: query.Get("environment"), ref: query.Get("ref"),
		pullRequest: query.Get("pull_request") == "true", ownerID: query.Get("owner_id"), repositoryID: query.Get("repository_id"),
		audience: query.Get("audience"),
	}
	owner, name, _ := strings.Cut(j.repository, "/")
	switch {
	case owner == "" || name == "" || strings.Contains(name, "/"):
		return j, fmt.Errorf("repository %q is not OWNER/NAME", j.repository)
	case (j.ownerID == "") != (j.repositoryID == ""):
		return j, errors.New("owner_id and repository_id go together")
	case j.environment == "" && j.ref == "" && !j.pullRequest:
		return j, errors.New("give environment, ref or pull_request=true: the token's subject names one")
	}
	if j.audience == "" {
		// GitHub's own default is the owner's address.
		j.audience = "https://github.com/" + owner
	}
	return j, nil
}
