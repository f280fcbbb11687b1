package faults

import (
	"fmt"
	"io"
	"net/http"

	"sensor-backend/emulator/awsapi"
)

// ServeHTTP is the control address: GET lists, PUT replaces, POST adds, DELETE
// clears all or the one of ?id=.
func (s *Set) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case http.MethodGet:
	case http.MethodPut, http.MethodPost:
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err != nil {
			err = fmt.Errorf("read the faults: %w", err)
		}
		var faults []Fault
		if err == nil {
			faults, err = Parse(body)
		}
		if err != nil {
			awsapi.WriteREST(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
			return
		}
		if r.Method == http.MethodPut {
			s.Clear("")
		}
		s.Add(faults...)
	case http.MethodDelete:
		s.Clear(r.URL.Query().Get("id"))
	default:
		w.Header().Set("Allow", "GET, PUT, POST, DELETE")
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	awsapi.WriteREST(w, http.StatusOK, map[string]any{"faults": s.List()})
}
