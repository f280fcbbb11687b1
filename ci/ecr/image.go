package ecr

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Load reads the image in a tarball, an OCI image layout or what `docker save`
// writes, using dir for what it unpacks; the image is good for as long as dir
// is. It refuses a tarball that holds images for several platforms, since what
// is deployed must be the one that was tested.
func Load(tarballPath, dir string) (v1.Image, error) {
	oci, err := unpackLayout(tarballPath, dir)
	if err != nil {
		return nil, fmt.Errorf("read image %s: %w", tarballPath, err)
	}
	if !oci {
		img, err := tarball.ImageFromPath(tarballPath, nil)
		if err != nil {
			return nil, fmt.Errorf("read image %s: %w; want an OCI layout or docker tarball", tarballPath, err)
		}
		return img, nil
	}
	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		return nil, fmt.Errorf("read image %s: %w", tarballPath, err)
	}
	img, err := only(index)
	if err != nil {
		return nil, fmt.Errorf("read image %s: %w", tarballPath, err)
	}
	return img, nil
}

// Prepared is an image as it is pushed, before it is.
type Prepared struct {
	image v1.Image
	dir   string
	// Digest is the manifest's, sha256:...
	Digest string
}

// Prepare reads the image in a tarball, see Load, and normalizes it, see Normalize, with
// the Unix epoch for every time. Nobody is asked; Push sends it. Close it.
func Prepare(tarballPath string) (*Prepared, error) {
	dir, err := os.MkdirTemp("", "image-")
	if err != nil {
		return nil, fmt.Errorf("prepare image: %w", err)
	}
	p := &Prepared{dir: dir}
	if p.image, err = Load(tarballPath, dir); err == nil {
		p.image, err = Normalize(p.image, time.Unix(0, 0).UTC())
	}
	if err != nil {
		return nil, errors.Join(err, p.Close())
	}
	digest, err := p.image.Digest()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("prepare image: compute its digest: %w", err), p.Close())
	}
	p.Digest = digest.String()
	return p, nil
}

// Close removes what Prepare unpacked.
func (p *Prepared) Close() error { return os.RemoveAll(p.dir) }

// layoutEntry matches the files of an OCI image layout, and no path that could
// lead out of it.
var layoutEntry = regexp.MustCompile(`^(?:\./)?(oci-layout|index\.json|blobs/[a-z0-9]+/[0-9a-f]+)$`)

// unpackLayout writes the layout's files into dir, and reports whether there
// was an index.
func unpackLayout(path, dir string) (found bool, err error) {
	f, err := os.Open(filepath.Clean(path))
	if err != nil {
		return false, err
	}
	defer func() { _ = f.Close() }()
	r := tar.NewReader(f)
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return found, nil
		}
		if err != nil {
			return false, err
		}
		m := layoutEntry.FindStringSubmatch(h.Name)
		if m == nil || h.Typeflag != tar.TypeReg {
			continue
		}
		if err := writeFile(filepath.Join(dir, filepath.FromSlash(m[1])), r, h.Size); err != nil {
			return false, err
		}
		found = found || m[1] == "index.json"
	}
}

func writeFile(path string, r io.Reader, size int64) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Clean(path), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	if _, err := io.CopyN(f, r, size); err != nil {
		return errors.Join(err, f.Close())
	}
	return f.Close()
}

// only returns the single image under an index, looking through nested indexes
// and past attestations.
func only(index v1.ImageIndex) (v1.Image, error) {
	images, err := images(index)
	if err != nil {
		return nil, err
	}
	if len(images) != 1 {
		return nil, fmt.Errorf("it holds %d images, want one for one platform", len(images))
	}
	return images[0], nil
}

func images(index v1.ImageIndex) ([]v1.Image, error) {
	m, err := index.IndexManifest()
	if err != nil {
		return nil, err
	}
	var found []v1.Image
	for _, d := range m.Manifests {
		switch {
		case d.Annotations["vnd.docker.reference.type"] != "":
			continue
		case d.MediaType.IsIndex():
			child, err := index.ImageIndex(d.Digest)
			if err != nil {
				return nil, err
			}
			more, err := images(child)
			if err != nil {
				return nil, err
			}
			found = append(found, more...)
		case d.MediaType.IsImage():
			img, err := index.Image(d.Digest)
			if err != nil {
				return nil, err
			}
			found = append(found, img)
		}
	}
	return found, nil
}

// Normalize returns the image with every time in it, of files, history and
// creation, set to t, and everything else kept: two builds of one commit become
// the same bytes and thus the same digest. The result is an OCI image with gzip
// layers.
func Normalize(img v1.Image, t time.Time) (v1.Image, error) {
	before, err := img.ConfigFile()
	if err != nil {
		return nil, fmt.Errorf("normalize image: read its config: %w", err)
	}
	out, err := mutate.Time(img, t, tarball.WithMediaType(types.OCILayer))
	if err != nil {
		return nil, fmt.Errorf("normalize image: %w", err)
	}
	cfg, err := out.ConfigFile()
	if err != nil {
		return nil, fmt.Errorf("normalize image: %w", err)
	}
	cfg = cfg.DeepCopy()
	cfg.Variant = before.Variant
	cfg.OSFeatures = before.OSFeatures
	if out, err = mutate.ConfigFile(out, cfg); err != nil {
		return nil, fmt.Errorf("normalize image: %w", err)
	}
	return mutate.ConfigMediaType(mutate.MediaType(out, types.OCIManifestSchema1), types.OCIConfigJSON), nil
}
