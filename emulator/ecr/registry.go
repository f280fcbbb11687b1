package ecr

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"

	"sensor-backend/emulator/awsapi"
)

const maxManifest = 4 << 20

// Repository is what the API knows of a repository's settings.
type Repository struct {
	Name       string
	ScanOnPush bool
	Immutable  bool
}

// Repositories finds a repository of the API; a missing one is an error with
// the code RepositoryNotFoundException.
type Repositories interface {
	Repository(ctx context.Context, region, name string) (Repository, error)
}

// Registry serves the OCI distribution API and the image operations of ECR.
type Registry struct {
	store   *store
	dir     string
	blobs   http.Handler
	repos   Repositories
	scans   ScanFaults
	clock   func() time.Time
	delay   time.Duration
	regions *awsapi.Regions
	// password is what a caller logs in with.
	password func(ctx context.Context, region string) string
}

// Options configure a Registry.
type Options struct {
	// Dir holds the layers; it is made when the first one comes.
	Dir string
	// Repositories knows which repositories exist.
	Repositories Repositories
	// Regions are those to look for repositories in.
	Regions *awsapi.Regions
	// Scans injects findings; nil injects none.
	Scans ScanFaults
	// Clock is time.Now when nil.
	Clock func() time.Time
	// ScanDelay is how long a scan stays IN_PROGRESS.
	ScanDelay time.Duration
	// Password is what a caller of GetAuthorizationToken is to log in with; nil
	// is the same for all.
	Password func(ctx context.Context, region string) string
}

// New makes an empty registry.
func New(o Options) *Registry {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Regions == nil {
		o.Regions = &awsapi.Regions{}
	}
	if o.Password == nil {
		o.Password = func(context.Context, string) string { return "emulated" }
	}
	return &Registry{
		password: o.Password,
		store:    newStore(o.Clock),
		dir:      o.Dir,
		blobs: registry.New(
			registry.WithBlobHandler(registry.NewDiskBlobHandler(o.Dir)),
			registry.Logger(log.New(io.Discard, "", 0)),
		),
		repos:   o.Repositories,
		scans:   o.Scans,
		clock:   o.Clock,
		delay:   o.ScanDelay,
		regions: o.Regions,
	}
}

// ServeHTTP answers below /v2/. Any Basic credentials are good; none are not,
// so that clients show that they log in.
func (g *Registry) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
	if _, password, ok := r.BasicAuth(); !ok || password == "" {
		w.Header().Set("Www-Authenticate", `Basic realm="ecr"`)
		writeRegistryError(w, http.StatusUnauthorized, "UNAUTHORIZED", "log in with the token of GetAuthorizationToken")
		return
	}
	repo, reference, isManifest := SplitManifestPath(r.URL.Path)
	writes := r.Method == http.MethodPut || r.Method == http.MethodPost || r.Method == http.MethodPatch
	var settings Repository
	if writes || isManifest {
		name := repo
		if !isManifest {
			name = repositoryOfUpload(r.URL.Path)
		}
		var err error
		if settings, err = g.find(r.Context(), name); err != nil {
			if awsapi.IsCode(err, "RepositoryNotFoundException") {
				writeRegistryError(w, http.StatusNotFound, "NAME_UNKNOWN", fmt.Sprintf(
					"the repository with name '%s' does not exist in the registry with id '%s'", name, awsapi.DefaultAccount))
				return
			}
			writeRegistryError(w, http.StatusInternalServerError, "UNKNOWN", err.Error())
			return
		}
	}
	if !isManifest {
		if writes {
			if err := os.MkdirAll(g.dir, 0o700); err != nil {
				writeRegistryError(w, http.StatusInternalServerError, "UNKNOWN", fmt.Sprintf("making room for layers: %v", err))
				return
			}
		}
		g.blobs.ServeHTTP(w, r)
		return
	}
	switch r.Method {
	case http.MethodPut:
		g.putManifest(w, r, settings, repo, reference)
	case http.MethodGet, http.MethodHead:
		g.getManifest(w, r, repo, reference)
	default:
		writeRegistryError(w, http.StatusMethodNotAllowed, "UNSUPPORTED", "delete images with BatchDeleteImage")
	}
}

func (g *Registry) putManifest(w http.ResponseWriter, r *http.Request, settings Repository, repo, reference string) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxManifest+1))
	if err != nil || len(body) > maxManifest {
		writeRegistryError(w, http.StatusBadRequest, "MANIFEST_INVALID", "the manifest cannot be read or is over 4 MiB")
		return
	}
	tag := reference
	if strings.HasPrefix(reference, "sha256:") {
		tag = ""
	}
	if tag != "" && settings.Immutable {
		if _, err := g.store.get(repo, "", tag); err == nil {
			writeRegistryError(w, http.StatusBadRequest, "TAG_INVALID", fmt.Sprintf(
				"the image tag '%s' already exists in the '%s' repository and cannot be overwritten because the repository is immutable", tag, repo))
			return
		}
	}
	// The library checks that the manifest's layers are there.
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.ContentLength = int64(len(body))
	answer := httptest.NewRecorder()
	g.blobs.ServeHTTP(answer, r)
	if answer.Code == http.StatusCreated {
		g.store.put(repo, tag, r.Header.Get("Content-Type"), body, settings.ScanOnPush)
	}
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes())
}

func (g *Registry) getManifest(w http.ResponseWriter, r *http.Request, repo, reference string) {
	digest, tag := "", reference
	if strings.HasPrefix(reference, "sha256:") {
		digest, tag = reference, ""
	}
	image, err := g.store.get(repo, digest, tag)
	if err != nil {
		writeRegistryError(w, http.StatusNotFound, "MANIFEST_UNKNOWN", "Requested image not found")
		return
	}
	w.Header().Set("Content-Type", image.MediaType)
	w.Header().Set("Docker-Content-Digest", image.Digest)
	w.Header().Set("Content-Length", strconv.Itoa(len(image.Manifest)))
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodGet {
		_, _ = w.Write(image.Manifest)
	}
}

// find looks a repository up in the regions that ECR was called for.
func (g *Registry) find(ctx context.Context, name string) (Repository, error) {
	var err error
	for _, region := range g.regions.All() {
		var found Repository
		if found, err = g.repos.Repository(ctx, region, name); err == nil {
			return found, nil
		}
	}
	return Repository{}, err
}

// SplitManifestPath splits /v2/NAME/manifests/REFERENCE.
func SplitManifestPath(path string) (repo, reference string, ok bool) {
	rest, found := strings.CutPrefix(path, "/v2/")
	if !found {
		return "", "", false
	}
	i := strings.LastIndex(rest, "/manifests/")
	if i <= 0 {
		return "", "", false
	}
	reference = rest[i+len("/manifests/"):]
	if reference == "" || strings.Contains(reference, "/") {
		return "", "", false
	}
	return rest[:i], reference, true
}

func repositoryOfUpload(path string) string {
	rest := strings.TrimPrefix(path, "/v2/")
	if i := strings.Index(rest, "/blobs/"); i > 0 {
		return rest[:i]
	}
	return rest
}

func writeRegistryError(w http.ResponseWriter, status int, code, message string) {
	raw, err := json.Marshal(map[string]any{"errors": []map[string]string{{"code": code, "message": message}}})
	if err != nil {
		http.Error(w, message, status)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(raw)
}
