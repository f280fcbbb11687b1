// Package registry serves OCI layouts in a directory over the registry
// protocol, for reading. The layout of the tag T of the repository N lies at
// N/T, so putting an image in place is one rename and needs no restart.
package registry

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"sensor-backend/bootstrap/internal/oci"
)

// Header marks the answers of this registry with the process that gives them,
// so that it can be told from another one at the same port.
const Header = "Sensor-Backend-Registry-Process"

// Handler serves the images below root and says that process pid does.
func Handler(root string, pid int) http.Handler {
	h := handler{root: root, pid: strconv.Itoa(pid)}
	return http.HandlerFunc(h.serve)
}

type handler struct{ root, pid string }

var (
	route     = regexp.MustCompile(`^/v2/([a-z0-9]+(?:[._/-][a-z0-9]+)*)/(manifests|blobs)/([A-Za-z0-9_][A-Za-z0-9_.:-]{0,127})$`)
	digestRef = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)
)

func (h handler) serve(w http.ResponseWriter, r *http.Request) {
	w.Header().Set(Header, h.pid)
	w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		fail(w, http.StatusMethodNotAllowed, "UNSUPPORTED", "this registry is read-only")
		return
	}
	if r.URL.Path == "/v2/" || r.URL.Path == "/v2" {
		w.WriteHeader(http.StatusOK)
		return
	}
	parts := route.FindStringSubmatch(r.URL.Path)
	if parts == nil {
		fail(w, http.StatusNotFound, "NAME_INVALID", "no such path")
		return
	}
	name, kind, ref := parts[1], parts[2], parts[3]
	path, mediaType, digest, err := h.find(name, kind, ref)
	if errors.Is(err, os.ErrNotExist) {
		code := "MANIFEST_UNKNOWN"
		if kind == "blobs" {
			code = "BLOB_UNKNOWN"
		}
		fail(w, http.StatusNotFound, code, name+" has no "+ref)
		return
	}
	if err != nil {
		fail(w, http.StatusInternalServerError, "UNKNOWN", err.Error())
		return
	}
	file, err := os.Open(path)
	if err != nil {
		fail(w, http.StatusInternalServerError, "UNKNOWN", err.Error())
		return
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		fail(w, http.StatusInternalServerError, "UNKNOWN", err.Error())
		return
	}
	w.Header().Set("Content-Type", mediaType)
	w.Header().Set("Docker-Content-Digest", digest)
	http.ServeContent(w, r, "", info.ModTime(), file)
}

// find looks a manifest or a blob up among the tags of a repository.
func (h handler) find(name, kind, ref string) (path, mediaType, digest string, err error) {
	repo := filepath.Join(h.root, filepath.FromSlash(name))
	if kind == "manifests" && !digestRef.MatchString(ref) {
		desc, err := oci.Manifest(filepath.Join(repo, ref))
		if err != nil {
			return "", "", "", err
		}
		path = filepath.Join(repo, ref, "blobs", "sha256", desc.Digest.Hex)
		return path, string(desc.MediaType), desc.Digest.String(), nil
	}
	if !digestRef.MatchString(ref) {
		return "", "", "", fmt.Errorf("digest %s: %w", ref, os.ErrNotExist)
	}
	mediaType = "application/octet-stream"
	tags, err := os.ReadDir(repo)
	if err != nil {
		return "", "", "", err
	}
	for _, tag := range tags {
		layout := filepath.Join(repo, tag.Name())
		path = filepath.Join(layout, "blobs", "sha256", strings.TrimPrefix(ref, "sha256:"))
		//nolint:gosec // The route admits no name or digest that leads out.
		if _, err := os.Stat(path); err != nil {
			continue
		}
		if kind == "manifests" {
			desc, err := oci.Manifest(layout)
			if err != nil || desc.Digest.String() != ref {
				continue
			}
			mediaType = string(desc.MediaType)
		}
		return path, mediaType, ref, nil
	}
	return "", "", "", os.ErrNotExist
}

func fail(w http.ResponseWriter, status int, code, message string) {
	type problem struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string][]problem{"errors": {{code, message}}})
}
