package edge

import (
	"net/http"
	"strings"

	"sensor-backend/emulator/awsapi"
)

// control answers below /_emulator/.
func (e *Edge) control(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, "/_emulator/")
	switch {
	case path == "health":
		if !e.parts.Healthy(r.Context()) {
			awsapi.WriteREST(w, http.StatusServiceUnavailable, map[string]string{"status": "moto does not answer"})
			return
		}
		awsapi.WriteREST(w, http.StatusOK, map[string]string{"status": "ok"})
	case path == "faults":
		e.parts.Faults.ServeHTTP(w, r)
	case strings.HasPrefix(path, "metadata/"):
		e.metadata(w, r, strings.Split(strings.TrimPrefix(path, "metadata/"), "/"))
	default:
		http.NotFound(w, r)
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
