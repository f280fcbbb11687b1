// Package oci writes container images as OCI layouts: one directory an image,
// which a registry can serve as it lies there.
package oci

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// epoch is the time of everything that has no time of its own, so that the
// same content gives the same digests.
var epoch = time.Date(2024, time.January, 1, 0, 0, 0, 0, time.UTC)

// Layer is an uncompressed tar file: nothing here travels farther than over
// loopback, so compression would cost twice and gain nothing.
type Layer struct {
	Path string
	hash v1.Hash
	size int64
}

// OpenLayer reads a tar file's digest.
func OpenLayer(path string) (Layer, error) {
	file, err := os.Open(path)
	if err != nil {
		return Layer{}, fmt.Errorf("open layer: %w", err)
	}
	defer func() { _ = file.Close() }()
	sum := sha256.New()
	size, err := io.Copy(sum, file)
	if err != nil {
		return Layer{}, fmt.Errorf("read layer %s: %w", path, err)
	}
	hash := v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(sum.Sum(nil))}
	return Layer{Path: path, hash: hash, size: size}, nil
}

// Write makes an image of the layers at dir, which must not exist, and gives
// its manifest's digest. Layers are linked rather than copied where possible.
func Write(dir, arch string, config v1.Config, layers []Layer) (string, error) {
	blobs := filepath.Join(dir, "blobs", "sha256")
	if err := os.MkdirAll(blobs, 0o750); err != nil {
		return "", fmt.Errorf("make the image's directory: %w", err)
	}
	configFile := v1.ConfigFile{
		Architecture: arch,
		OS:           "linux",
		Created:      v1.Time{Time: epoch},
		Config:       config,
		RootFS:       v1.RootFS{Type: "layers"},
	}
	manifest := v1.Manifest{SchemaVersion: 2, MediaType: types.OCIManifestSchema1}
	for _, layer := range layers {
		if err := linkOrCopy(layer.Path, filepath.Join(blobs, layer.hash.Hex)); err != nil {
			return "", err
		}
		configFile.RootFS.DiffIDs = append(configFile.RootFS.DiffIDs, layer.hash)
		configFile.History = append(configFile.History, v1.History{Created: v1.Time{Time: epoch}, CreatedBy: filepath.Base(layer.Path)})
		manifest.Layers = append(manifest.Layers, v1.Descriptor{
			MediaType: types.OCIUncompressedLayer, Digest: layer.hash, Size: layer.size,
		})
	}
	configDesc, err := writeBlob(blobs, types.OCIConfigJSON, configFile)
	if err != nil {
		return "", err
	}
	manifest.Config = configDesc
	manifestDesc, err := writeBlob(blobs, types.OCIManifestSchema1, manifest)
	if err != nil {
		return "", err
	}
	manifestDesc.Platform = &v1.Platform{OS: "linux", Architecture: arch}
	index, err := json.Marshal(v1.IndexManifest{
		SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: []v1.Descriptor{manifestDesc},
	})
	if err != nil {
		return "", fmt.Errorf("encode the image's index: %w", err)
	}
	for name, content := range map[string][]byte{
		"index.json": index,
		"oci-layout": []byte(`{"imageLayoutVersion":"1.0.0"}`),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			return "", fmt.Errorf("write the image's %s: %w", name, err)
		}
	}
	return manifestDesc.Digest.String(), nil
}

// Manifest gives the descriptor of the one image in a layout.
func Manifest(dir string) (v1.Descriptor, error) {
	content, err := os.ReadFile(filepath.Join(dir, "index.json"))
	if err != nil {
		return v1.Descriptor{}, fmt.Errorf("read the image's index: %w", err)
	}
	var index v1.IndexManifest
	if err := json.Unmarshal(content, &index); err != nil {
		return v1.Descriptor{}, fmt.Errorf("image %s: parse its index: %w", dir, err)
	}
	if len(index.Manifests) != 1 {
		return v1.Descriptor{}, fmt.Errorf("image %s: %d manifests in its index, want 1", dir, len(index.Manifests))
	}
	return index.Manifests[0], nil
}

func writeBlob(blobs string, mediaType types.MediaType, value any) (v1.Descriptor, error) {
	content, err := json.Marshal(value)
	if err != nil {
		return v1.Descriptor{}, fmt.Errorf("encode %s: %w", mediaType, err)
	}
	sum := sha256.Sum256(content)
	hash := v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(sum[:])}
	if err := os.WriteFile(filepath.Join(blobs, hash.Hex), content, 0o600); err != nil {
		return v1.Descriptor{}, fmt.Errorf("write %s: %w", mediaType, err)
	}
	return v1.Descriptor{MediaType: mediaType, Digest: hash, Size: int64(len(content))}, nil
}

func linkOrCopy(from, to string) error {
	if os.Link(from, to) == nil {
		return nil
	}
	in, err := os.Open(from)
	if err != nil {
		return fmt.Errorf("open layer: %w", err)
	}
	defer func() { _ = in.Close() }()
	out, err := os.Create(to)
	if err != nil {
		return fmt.Errorf("write layer: %w", err)
	}
	if _, err := io.Copy(out, in); err != nil {
		_ = out.Close()
		return fmt.Errorf("write layer %s: %w", to, err)
	}
	if err := out.Close(); err != nil {
		return fmt.Errorf("write layer %s: %w", to, err)
	}
	return nil
}
