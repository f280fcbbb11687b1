package main

import (
	"context"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"sensor-backend/services/internal/httpapi"
)

// versioner knows what is running. The image's digest is not in the image, so
// ECS is asked for it, until it has answered once.
type versioner struct {
	metadataURI string

	mu     sync.Mutex
	digest string
}

func newVersioner(metadataURI string) *versioner { return &versioner{metadataURI: metadataURI} }

// version never fails: outside ECS the digest is empty.
func (v *versioner) version(ctx context.Context) httpapi.Version {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.digest == "" && v.metadataURI != "" {
		v.digest = imageDigest(ctx, v.metadataURI)
	}
	return httpapi.Version{Version: version, Commit: commit, ImageDigest: v.digest}
}

// imageDigest asks ECS's container metadata endpoint.
func imageDigest(ctx context.Context, uri string) string {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, uri, nil)
	if err != nil {
		return ""
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return ""
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return ""
	}
	var metadata struct {
		ImageID string `json:"ImageID"`
	}
	const longest = 1 << 20
	if err := json.UnmarshalRead(io.LimitReader(res.Body, longest), &metadata); err != nil {
		return ""
	}
	return metadata.ImageID
}
