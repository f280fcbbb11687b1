package access

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"sensor-backend/emulator/awsapi"
	"sensor-backend/emulator/iam/calls"
)

// Account is what an account lacks or limits. The zero value limits nothing, as
// moto does.
type Account struct {
	// LambdaConcurrency is the account's quota of concurrent executions; 0 is none.
	// Of it some have to stay unreserved, and in a new account that is all.
	LambdaConcurrency int `json:"lambdaConcurrency"`
	// NoLinkedRoles is set when service-linked roles are made at first use only.
	NoLinkedRoles bool `json:"noLinkedRoles"`
	// KeyBytes is the longest key of an object in S3; 0 is no limit.
	KeyBytes int `json:"keyBytes"`
}

// newAccount is an account as AWS hands it over.
var newAccount = Account{LambdaConcurrency: 10, NoLinkedRoles: true, KeyBytes: 1024}

// profile is the account as it is now.
type profile struct {
	mu  sync.Mutex
	now Account
}

func (p *profile) get() Account {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.now
}

// ServeAccount answers /_emulator/account: GET tells the limits, PUT sets them, from
// JSON or, with ?profile=new, those of a new account; DELETE removes them.
func (a *Access) ServeAccount(w http.ResponseWriter, r *http.Request) {
	p := a.profile
	p.mu.Lock()
	defer p.mu.Unlock()
	switch r.Method {
	case http.MethodGet:
	case http.MethodDelete:
		p.now = Account{}
	case http.MethodPut:
		given := newAccount
		if r.URL.Query().Get("profile") != "new" {
			given = Account{}
			decoder := json.NewDecoder(r.Body)
			decoder.DisallowUnknownFields()
			if err := decoder.Decode(&given); err != nil {
				awsapi.WriteREST(w, http.StatusBadRequest, map[string]string{"message": fmt.Sprintf("read the account's limits: %v; give ?profile=new or JSON with lambdaConcurrency, noLinkedRoles and keyBytes", err)})
				return
			}
		}
		p.now = given
	default:
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	awsapi.WriteREST(w, http.StatusOK, p.now)
}

// refuses says what an account's quotas do not allow, to anybody.
func (p *profile) refuses(r *http.Request, service string, body calls.Body) *problem {
	now := p.get()
	switch {
	case service == "s3" && now.KeyBytes > 0:
		_, key, _ := strings.Cut(strings.TrimPrefix(r.URL.EscapedPath(), "/"), "/")
		if plain, err := url.PathUnescape(key); err == nil && len(plain) > now.KeyBytes {
			return &problem{kind: other, code: "KeyTooLongError", status: http.StatusBadRequest, message: "Your key is too long"}
		}
	case service == "lambda" && now.LambdaConcurrency > 0 && r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, "/concurrency"):
		var in struct{ ReservedConcurrentExecutions int }
		if raw, err := body(); err != nil || json.Unmarshal(raw, &in) != nil || in.ReservedConcurrentExecutions <= max(0, now.LambdaConcurrency-100) {
			return nil // what is wrong with it is for moto to say
		}
		// At least 100 have to stay unreserved, or all, where the quota is lower.
		return &problem{
			kind: other, code: "InvalidParameterValueException", status: http.StatusBadRequest,
			message: fmt.Sprintf("Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [%d].", min(now.LambdaConcurrency, 100)),
		}
	}
	return nil
}
