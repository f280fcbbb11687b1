package login

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// audience is whom AWS wants a token to be for.
const audience = "sts.amazonaws.com"

// FixedToken is a token that does not change: it serves as long as it is valid.
type FixedToken string

// GetIdentityToken returns the token.
func (t FixedToken) GetIdentityToken() ([]byte, error) { return []byte(t), nil }

// JobToken gets a token from GitHub for the job that runs (GitHub documentation,
// "OpenID Connect reference", "Methods for requesting the OIDC token"). Each is
// valid for minutes, and a new one can be had as long as the job runs.
type JobToken struct {
	// URL and Bearer are ACTIONS_ID_TOKEN_REQUEST_URL and
	// ACTIONS_ID_TOKEN_REQUEST_TOKEN of the job.
	URL, Bearer string
	// Emulated says that the issuer is that of an emulated AWS, which has no TLS.
	Emulated bool
	// HTTP sends the request; nil means a client with a time limit.
	HTTP *http.Client
}

const (
	tokenTimeout = 20 * time.Second
	// maxToken bounds what is read as an answer.
	maxToken = 64 << 10
)

// GetIdentityToken asks for a token. No part of the answer or of the bearer token
// is in an error.
func (t JobToken) GetIdentityToken() ([]byte, error) {
	address, err := url.Parse(t.URL)
	if err != nil || address.Scheme != "https" && address.Hostname() != "127.0.0.1" && !t.Emulated {
		return nil, errors.New("the address for identity tokens is not an https URL: give ACTIONS_ID_TOKEN_REQUEST_URL as GitHub sets it")
	}
	query := address.Query()
	query.Set("audience", audience)
	address.RawQuery = query.Encode()
	request, err := http.NewRequest(http.MethodGet, address.String(), nil) //nolint:noctx // the SDK's interface has no context; the client has a time limit
	if err != nil {
		return nil, errors.New("the address for identity tokens cannot be asked")
	}
	request.Header.Set("Authorization", "Bearer "+t.Bearer)
	client := t.HTTP
	if client == nil {
		client = &http.Client{Timeout: tokenTimeout}
	}
	response, err := client.Do(request)
	if err != nil {
		var sent *url.Error
		if errors.As(err, &sent) {
			err = sent.Err // without the address
		}
		return nil, fmt.Errorf("ask GitHub for an identity token: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("ask GitHub for an identity token: it answered %s; has the job the permission id-token: write?", response.Status)
	}
	raw, err := io.ReadAll(io.LimitReader(response.Body, maxToken))
	if err != nil {
		return nil, fmt.Errorf("ask GitHub for an identity token: %w", err)
	}
	var answer struct {
		Value string `json:"value"`
	}
	if err := json.Unmarshal(raw, &answer); err != nil || strings.Count(answer.Value, ".") != 2 {
		return nil, errors.New("ask GitHub for an identity token: its answer holds none")
	}
	return []byte(answer.Value), nil
}
