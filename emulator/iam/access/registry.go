package access

import (
	"context"
	"net/http"
	"strings"

	"sensor-backend/emulator/awsapi"
	"sensor-backend/emulator/iam"
	"sensor-backend/emulator/iam/calls"
)

// login is a session that has logged in to the registry.
type login struct {
	session *Session
	region  string
}

// RegistryPassword is what the caller of a request that was admitted logs in to the
// registry with.
func (a *Access) RegistryPassword(ctx context.Context, region string) string {
	session := SessionOf(ctx)
	if session == nil {
		return "emulated"
	}
	return a.Login(session, region)
}

// Login is the password of a session for the registry in a region.
func (a *Access) Login(session *Session, region string) string {
	password := secret(60)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.logins[password] = login{session, region}
	return password
}

// AdmitToRegistry decides about a request to push or pull; if it refuses, it has
// answered. A password that was not handed out is the administrator's.
func (a *Access) AdmitToRegistry(w http.ResponseWriter, r *http.Request) bool {
	_, password, _ := r.BasicAuth()
	a.mu.Lock()
	who, ok := a.logins[password]
	a.mu.Unlock()
	repository, action := registryAction(r)
	if !ok || action == "" {
		return true
	}
	resource := "arn:aws:ecr:" + who.region + ":" + awsapi.DefaultAccount + ":repository/" + repository
	check := calls.Check{Action: "ecr:" + action, Resource: resource, Context: iam.Values{}}
	request, decision, err := a.decide(r.Context(), who.session, r, who.region, check)
	message := ""
	switch {
	case err != nil:
		message = internal(err).message
	case !decision.Allowed:
		message = iam.Sentence(request, decision)
	}
	if err == nil {
		a.record.add(who.session, calls.Call{Service: "ecr", Operation: r.Method + " /v2/"}, request, decision)
	}
	if message == "" {
		return true
	}
	a.log.Info("refused", "method", r.Method, "path", r.URL.Path, "reason", message)
	awsapi.WriteREST(w, http.StatusForbidden, map[string]any{"errors": []map[string]string{{"code": "DENIED", "message": message}}})
	return false
}

// registryAction is the action of ECR that a request of the distribution protocol
// needs; empty for one that needs none.
func registryAction(r *http.Request) (repository, action string) {
	path := strings.TrimPrefix(r.URL.Path, "/v2/")
	if i := strings.LastIndex(path, "/manifests/"); i > 0 {
		if r.Method == http.MethodPut {
			return path[:i], "PutImage"
		}
		return path[:i], "BatchGetImage"
	}
	i := strings.LastIndex(path, "/blobs/")
	if i <= 0 {
		return "", ""
	}
	switch r.Method {
	case http.MethodHead:
		action = "BatchCheckLayerAvailability"
	case http.MethodGet:
		action = "GetDownloadUrlForLayer"
	case http.MethodPost:
		action = "InitiateLayerUpload"
	case http.MethodPatch:
		action = "UploadLayerPart"
	case http.MethodPut:
		action = "CompleteLayerUpload"
	}
	return path[:i], action
}
