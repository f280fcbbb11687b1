// Package ecr is the registry behind the emulated ECR, and those of its API's
// operations that speak of images: what is pushed is what they report.
package ecr

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"sort"
	"sync"
	"time"
)

// ErrImageNotFound is returned for a tag or digest that a repository lacks.
var ErrImageNotFound = errors.New("the image does not exist in the repository")

// Image is one pushed manifest.
type Image struct {
	Digest      string
	MediaType   string
	ConfigType  string
	Manifest    []byte
	Tags        []string
	Size        int64
	PushedAt    time.Time
	ScanStarted time.Time
}

// store keeps the manifests of all repositories by digest and tag.
type store struct {
	mu    sync.Mutex
	clock func() time.Time
	repos map[string]map[string]*Image
}

func newStore(clock func() time.Time) *store {
	return &store{clock: clock, repos: map[string]map[string]*Image{}}
}

// put records a manifest and, when tag is not empty, moves the tag to it.
func (s *store) put(repo, tag, mediaType string, manifest []byte, scan bool) Image {
	sum := sha256.Sum256(manifest)
	digest := "sha256:" + hex.EncodeToString(sum[:])
	s.mu.Lock()
	defer s.mu.Unlock()
	images := s.repos[repo]
	if images == nil {
		images = map[string]*Image{}
		s.repos[repo] = images
	}
	image := images[digest]
	if image == nil {
		size, configType := describeManifest(manifest)
		image = &Image{
			Digest: digest, MediaType: mediaType, ConfigType: configType,
			Manifest: slices.Clone(manifest), Size: size, PushedAt: s.clock(),
		}
		if scan {
			image.ScanStarted = image.PushedAt
		}
		images[digest] = image
	}
	if tag != "" {
		for _, other := range images {
			other.Tags = slices.DeleteFunc(other.Tags, func(t string) bool { return t == tag })
		}
		image.Tags = append(image.Tags, tag)
		sort.Strings(image.Tags)
	}
	return image.copy()
}

func (s *store) get(repo, digest, tag string) (Image, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	image := s.find(repo, digest, tag)
	if image == nil {
		return Image{}, ErrImageNotFound
	}
	return image.copy(), nil
}

func (s *store) find(repo, digest, tag string) *Image {
	for _, image := range s.repos[repo] {
		if digest != "" && image.Digest != digest {
			continue
		}
		if tag != "" && !slices.Contains(image.Tags, tag) {
			continue
		}
		if digest != "" || tag != "" {
			return image
		}
	}
	return nil
}

// list gives a repository's images, oldest first.
func (s *store) list(repo string) []Image {
	s.mu.Lock()
	defer s.mu.Unlock()
	images := make([]Image, 0, len(s.repos[repo]))
	for _, image := range s.repos[repo] {
		images = append(images, image.copy())
	}
	slices.SortFunc(images, func(a, b Image) int {
		if c := a.PushedAt.Compare(b.PushedAt); c != 0 {
			return c
		}
		if a.Digest < b.Digest {
			return -1
		}
		return 1
	})
	return images
}

// remove drops a tag, or the whole image when no tag is given or none is left.
func (s *store) remove(repo, digest, tag string) (Image, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	image := s.find(repo, digest, tag)
	if image == nil {
		return Image{}, ErrImageNotFound
	}
	removed := image.copy()
	if tag != "" {
		image.Tags = slices.DeleteFunc(image.Tags, func(t string) bool { return t == tag })
	}
	if tag == "" || len(image.Tags) == 0 {
		delete(s.repos[repo], image.Digest)
	}
	return removed, nil
}

func (s *store) drop(repo string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.repos, repo)
}

func (s *store) startScan(repo, digest string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if image := s.repos[repo][digest]; image != nil {
		image.ScanStarted = s.clock()
	}
}

func (i *Image) copy() Image {
	c := *i
	c.Tags = slices.Clone(i.Tags)
	return c
}

// describeManifest adds up what an image weighs and finds the kind of its config.
func describeManifest(raw []byte) (size int64, configType string) {
	type descriptor struct {
		MediaType string `json:"mediaType"`
		Size      int64  `json:"size"`
	}
	var manifest struct {
		Config descriptor   `json:"config"`
		Layers []descriptor `json:"layers"`
	}
	if err := json.Unmarshal(raw, &manifest); err != nil {
		return 0, ""
	}
	size = manifest.Config.Size
	for _, layer := range manifest.Layers {
		size += layer.Size
	}
	return size, manifest.Config.MediaType
}
