// Package image fetches container images and unpacks them into directories.
package image

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"runtime"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// Image is an image in a registry.
type Image struct {
	// Digest is that of the manifest the reference named.
	Digest string
	// Config is how to run it.
	Config v1.Config
	layers []v1.Layer
}

// Puller finds images. References to a host of ECR go to the emulator's own
// registry; others go where they say.
type Puller struct {
	// Registry is the host and port of the emulator's registry.
	Registry string
	// Password logs in there; empty is the administrator's.
	Password string
}

// Resolve looks an image up. Its layers are read when it is unpacked.
func (p Puller) Resolve(ctx context.Context, reference string) (Image, error) {
	address, own := p.Address(reference)
	options := []remote.Option{remote.WithContext(ctx), remote.WithPlatform(v1.Platform{OS: "linux", Architecture: runtime.GOARCH})}
	var nameOptions []name.Option
	if own {
		nameOptions = append(nameOptions, name.Insecure)
		options = append(options, remote.WithAuth(&authn.Basic{Username: "AWS", Password: cmp.Or(p.Password, "emulator")}))
	}
	ref, err := name.ParseReference(address, nameOptions...)
	if err != nil {
		return Image{}, fmt.Errorf("invalid reference %s: %w", reference, err)
	}
	descriptor, err := remote.Get(ref, options...)
	if err != nil {
		return Image{}, fmt.Errorf("failed to resolve ref %s: %w", reference, err)
	}
	found, err := descriptor.Image()
	if err != nil {
		return Image{}, fmt.Errorf("image Manifest of %s does not contain descriptor matching platform 'linux/%s': %w", reference, runtime.GOARCH, err)
	}
	config, err := found.ConfigFile()
	if err != nil {
		return Image{}, fmt.Errorf("failed to read the config of %s: %w", reference, err)
	}
	if config.Architecture != "" && config.Architecture != runtime.GOARCH {
		return Image{}, fmt.Errorf("image %s is for linux/%s and does not match platform 'linux/%s'", reference, config.Architecture, runtime.GOARCH)
	}
	layers, err := found.Layers()
	if err != nil {
		return Image{}, fmt.Errorf("failed to read the layers of %s: %w", reference, err)
	}
	return Image{Digest: descriptor.Digest.String(), Config: config.Config, layers: layers}, nil
}

var ecrHost = regexp.MustCompile(`^\d{12}\.dkr\.ecr(-fips)?\.[a-z0-9-]+\.amazonaws\.com(\.cn)?$`)

// Address is where a reference is really fetched, and whether that is the
// emulator's own registry.
func (p Puller) Address(reference string) (address string, own bool) {
	host, rest, found := strings.Cut(reference, "/")
	if found && ecrHost.MatchString(host) {
		return p.Registry + "/" + rest, true
	}
	return reference, false
}
