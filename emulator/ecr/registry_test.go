package ecr

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"sensor-backend/emulator/awsapi"
)

type fakeRepositories map[string]Repository

func (f fakeRepositories) Repository(_ context.Context, _, name string) (Repository, error) {
	if r, ok := f[name]; ok {
		return r, nil
	}
	return Repository{}, awsapi.Errorf("RepositoryNotFoundException", "no %s", name)
}

type fakeScans []Finding

func (f fakeScans) ScanFindings(string, string, []string) []Finding { return f }

func newTestRegistry(t *testing.T, now *time.Time, scans ScanFaults) (*Registry, string) {
	t.Helper()
	g := New(Options{
		Dir: filepath.Join(t.TempDir(), "made", "when needed"), Scans: scans, ScanDelay: time.Second,
		Clock:        func() time.Time { return *now },
		Repositories: fakeRepositories{"api": {Name: "api", ScanOnPush: true}, "fixed": {Name: "fixed", Immutable: true}},
	})
	server := httptest.NewServer(g)
	t.Cleanup(server.Close)
	return g, strings.TrimPrefix(server.URL, "http://")
}

func push(t *testing.T, host, target string) (digest string, err error) {
	t.Helper()
	image, err := random.Image(256, 2)
	if err != nil {
		t.Fatal(err)
	}
	ref, err := name.ParseReference(host+"/"+target, name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	hash, err := image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	auth := remote.WithAuth(&authn.Basic{Username: "AWS", Password: "token"})
	return hash.String(), remote.Write(ref, image, auth)
}

// answers has what the tests look at in the operations' answers.
type answers struct {
	Details []struct {
		Digest string   `json:"imageDigest"`
		Tags   []string `json:"imageTags"`
	} `json:"imageDetails"`
	Images   []any `json:"images"`
	Failures []any `json:"failures"`
	Scan     struct {
		Status string `json:"status"`
	} `json:"imageScanStatus"`
	Findings struct {
		Counts map[string]int `json:"findingSeverityCounts"`
	} `json:"imageScanFindings"`
}

func call(t *testing.T, g *Registry, operation, body string) (decoded answers, err error) {
	t.Helper()
	out, err := g.Call(t.Context(), "eu-central-1", "aws:5000", operation, []byte(body))
	if err != nil {
		return answers{}, err
	}
	raw, err := json.Marshal(out)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &decoded); err != nil {
		t.Fatal(err)
	}
	return decoded, nil
}

func TestPushedImageIsWhatTheAPIReports(t *testing.T) {
	now := time.Unix(1000, 0)
	g, host := newTestRegistry(t, &now, nil)
	first, err := push(t, host, "api:latest")
	if err != nil {
		t.Fatal(err)
	}
	now = now.Add(time.Minute)
	second, err := push(t, host, "api:latest")
	if err != nil {
		t.Fatal(err)
	}
	out, err := call(t, g, "DescribeImages", `{"repositoryName":"api"}`)
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Details) != 2 {
		t.Fatalf("got %d images, want 2", len(out.Details))
	}
	old, latest := out.Details[0], out.Details[1]
	if old.Digest != first || old.Tags != nil {
		t.Errorf("the first image is %v, want %s without a tag", old, first)
	}
	if latest.Digest != second || len(latest.Tags) != 1 {
		t.Errorf("the second image is %v, want %s tagged", latest, second)
	}
	if got, err := g.Resolve("api", "latest"); err != nil || got != second {
		t.Errorf("Resolve gave %s, %v; want %s", got, err, second)
	}
	out, err = call(t, g, "BatchGetImage", `{"repositoryName":"api","imageIds":[{"imageTag":"latest"},{"imageTag":"none"}]}`)
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Images) != 1 || len(out.Failures) != 1 {
		t.Errorf("BatchGetImage gave %v", out)
	}
}

func TestPushIsRefused(t *testing.T) {
	now := time.Unix(1000, 0)
	_, host := newTestRegistry(t, &now, nil)
	if _, err := push(t, host, "nowhere:v1"); err == nil || !strings.Contains(err.Error(), "NAME_UNKNOWN") {
		t.Errorf("pushing to a repository that does not exist: %v, want NAME_UNKNOWN", err)
	}
	if _, err := push(t, host, "fixed:v1"); err != nil {
		t.Fatal(err)
	}
	if _, err := push(t, host, "fixed:v1"); err == nil || !strings.Contains(err.Error(), "TAG_INVALID") {
		t.Errorf("moving an immutable tag: %v, want TAG_INVALID", err)
	}
}

func TestRegistryAsksForLogin(t *testing.T) {
	now := time.Unix(1000, 0)
	g, _ := newTestRegistry(t, &now, nil)
	answer := httptest.NewRecorder()
	g.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/v2/", nil))
	if answer.Code != http.StatusUnauthorized || answer.Header().Get("Www-Authenticate") == "" {
		t.Errorf("got %d %v, want 401 with a challenge", answer.Code, answer.Header())
	}
}

func TestScan(t *testing.T) {
	now := time.Unix(1000, 0)
	g, host := newTestRegistry(t, &now, fakeScans{{Name: "CVE-1", Severity: "CRITICAL"}})
	digest, err := push(t, host, "api:v1")
	if err != nil {
		t.Fatal(err)
	}
	body := `{"repositoryName":"api","imageId":{"imageDigest":"` + digest + `"}}`
	out, err := call(t, g, "DescribeImageScanFindings", body)
	if err != nil {
		t.Fatal(err)
	}
	if status := out.Scan.Status; status != "IN_PROGRESS" {
		t.Errorf("just after the push the scan is %v, want IN_PROGRESS", status)
	}
	now = now.Add(time.Second)
	out, err = call(t, g, "DescribeImageScanFindings", body)
	if err != nil {
		t.Fatal(err)
	}
	if counts := out.Findings.Counts; counts["CRITICAL"] != 1 {
		t.Errorf("the counts are %v, want one CRITICAL", counts)
	}
	if _, err := push(t, host, "fixed:v1"); err != nil {
		t.Fatal(err)
	}
	_, err = call(t, g, "DescribeImageScanFindings", `{"repositoryName":"fixed","imageId":{"imageTag":"v1"}}`)
	if !awsapi.IsCode(err, "ScanNotFoundException") {
		t.Errorf("without scan on push: %v, want ScanNotFoundException", err)
	}
}

func TestDelete(t *testing.T) {
	now := time.Unix(1000, 0)
	g, host := newTestRegistry(t, &now, nil)
	if _, err := push(t, host, "api:v1"); err != nil {
		t.Fatal(err)
	}
	if err := g.BeforeDelete([]byte(`{"repositoryName":"api"}`)); !awsapi.IsCode(err, "RepositoryNotEmptyException") {
		t.Errorf("deleting a full repository: %v", err)
	}
	if err := g.BeforeDelete([]byte(`{"repositoryName":"api","force":true}`)); err != nil {
		t.Errorf("forcing it: %v", err)
	}
	if _, err := call(t, g, "BatchDeleteImage", `{"repositoryName":"api","imageIds":[{"imageTag":"v1"}]}`); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Resolve("api", "v1"); !errors.Is(err, ErrImageNotFound) {
		t.Errorf("after the deletion: %v", err)
	}
}

func FuzzCall(f *testing.F) {
	now := time.Unix(1000, 0)
	g := New(Options{
		Dir: f.TempDir(), Clock: func() time.Time { return now },
		Repositories: fakeRepositories{"api": {Name: "api"}},
	})
	f.Add("DescribeImages", []byte(`{"repositoryName":"api","imageIds":[{}]}`))
	f.Add("PutImage", []byte(`{"repositoryName":"api","imageManifest":"{}"}`))
	f.Fuzz(func(t *testing.T, operation string, body []byte) {
		out, err := g.Call(t.Context(), "eu-central-1", "aws", operation, body)
		if (out == nil) == (err == nil) {
			t.Errorf("%s gave %v and %v", operation, out, err)
		}
	})
}

func FuzzSplitManifestPath(f *testing.F) {
	f.Add("/v2/a/b/manifests/latest")
	f.Add("/v2//manifests/")
	f.Fuzz(func(t *testing.T, path string) {
		repo, reference, ok := SplitManifestPath(path)
		if ok && "/v2/"+repo+"/manifests/"+reference != path {
			t.Errorf("%q was split into %q and %q", path, repo, reference)
		}
	})
}

func TestManifestSize(t *testing.T) {
	size, kind := describeManifest(bytes.TrimSpace([]byte(`{"config":{"mediaType":"c","size":3},"layers":[{"size":4},{"size":5}]}`)))
	if size != 12 || kind != "c" {
		t.Errorf("got %d %q, want 12 c", size, kind)
	}
}
