package edge

import (
	"context"
	"net/http"
	"strings"

	"sensor-backend/emulator/awsapi"
)

// control answers below /_emulator/.
func (e *Edge) control(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, "/_emulator/")
	switch {
	case path == "health":
		e.health(w, r)
	case path == "faults":
		e.parts.Faults.ServeHTTP(w, r)
	case path == "account":
		e.parts.Access.ServeAccount(w, r)
	case strings.HasPrefix(path, "iam/"), strings.HasPrefix(path, "oidc/"):
		e.parts.Access.ServeHTTP(w, r)
	case strings.HasPrefix(path, "credentials/"):
		e.parts.Access.ServeCredentials(r.Context(), w, strings.TrimPrefix(path, "credentials/"))
	case strings.HasPrefix(path, "metadata/"):
		e.metadata(w, r, strings.Split(strings.TrimPrefix(path, "metadata/"), "/"))
	default:
		http.NotFound(w, r)
	}
}

// state is what the self-test of moto found.
type state struct {
	// version is moto's, and unfit why it does not serve.
	version string
	unfit   error
}

// Ready says that moto has passed its self-test, and of which version it is.
func (e *Edge) Ready(motoVersion string) { e.found(&state{version: motoVersion}) }

// Unfit says that moto has not passed its self-test, and why.
func (e *Edge) Unfit(why error) { e.found(&state{unfit: why}) }

func (e *Edge) found(s *state) {
	e.moto.Store(s)
	e.once.Do(func() { close(e.tested) })
}

// fit waits until moto is known to serve. The self-test removes what it made, and
// would remove what a request made beside it.
func (e *Edge) fit(ctx context.Context) error {
	select {
	case <-e.tested:
	case <-ctx.Done():
		return awsapi.Errorf("ServiceUnavailable", "the emulated AWS is still testing its moto: %v", ctx.Err())
	}
	if found := e.moto.Load(); found.unfit != nil {
		return awsapi.Errorf("InternalFailure", "the emulated AWS is not fit to use: %v", found.unfit)
	}
	return nil
}

// health answers {"status": "ok", "moto": VERSION} with 200 once all parts answer,
// 503 with the reason as status before, and 500 if it never will.
func (e *Edge) health(w http.ResponseWriter, r *http.Request) {
	found := e.moto.Load()
	switch {
	case found == nil:
		awsapi.WriteREST(w, http.StatusServiceUnavailable, map[string]string{"status": "moto is not tested yet"})
	case found.unfit != nil:
		awsapi.WriteREST(w, http.StatusInternalServerError, map[string]string{"status": found.unfit.Error()})
	case !e.parts.Healthy(r.Context()):
		awsapi.WriteREST(w, http.StatusServiceUnavailable, map[string]string{"status": "moto does not answer"})
	default:
		awsapi.WriteREST(w, http.StatusOK, map[string]string{"status": "ok", "moto": found.version})
	}
}

// metadata is the task metadata endpoint: TASK/CONTAINER for the container,
// TASK/CONTAINER/task for its task.
func (e *Edge) metadata(w http.ResponseWriter, r *http.Request, parts []string) {
	var answer any
	var ok bool
	switch {
	case len(parts) == 1:
		answer, ok = e.parts.ECS.Metadata(parts[0], "")
	case len(parts) == 2:
		answer, ok = e.parts.ECS.Metadata(parts[0], parts[1])
	case len(parts) == 3 && parts[2] == "task":
		answer, ok = e.parts.ECS.TaskMetadata(parts[0])
	}
	if !ok {
		http.NotFound(w, r)
		return
	}
	awsapi.WriteREST(w, http.StatusOK, answer)
}
