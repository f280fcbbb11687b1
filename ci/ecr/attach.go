package ecr

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// What is said of an image lies beside it as an image of its own, one layer for
// each DSSE envelope, under the tag sha256-HEX.att (cosign, "Specifications:
// Signature Spec" and "Attestations"), where cosign verify-attestation reads.
const (
	envelopeType     = types.MediaType("application/vnd.dsse.envelope.v1+json")
	attestationsTag  = ".att"
	signatureKey     = "dev.cosignproject.cosign/signature"
	predicateTypeKey = "predicateType"
)

// Image names an image in a repository, and how to get at it.
type Image struct {
	// Repository is the repository's address as task definitions name it.
	Repository string
	// Digest is the image's, sha256:...
	Digest string
	// Credentials come from Login.
	Credentials Credentials
	// Transport is used for requests; nil means the default one.
	Transport http.RoundTripper
}

// Attestation is a signed statement about an image.
type Attestation struct {
	// PredicateType says what is stated.
	PredicateType string
	// Envelope is the statement in a DSSE envelope, in JSON.
	Envelope []byte
}

// Attach puts statements beside an image. There must be none yet: a repository
// whose tags are immutable takes them once, and so what was said first stands.
func Attach(ctx context.Context, of Image, all []Attestation) error {
	tag, err := attestations(of)
	if err != nil {
		return fmt.Errorf("attach to image %s: %w", of.Digest, err)
	}
	layers := make([]mutate.Addendum, len(all))
	for i, a := range all {
		layers[i] = mutate.Addendum{
			Layer: static.NewLayer(a.Envelope, envelopeType), MediaType: envelopeType,
			Annotations: map[string]string{signatureKey: "", predicateTypeKey: a.PredicateType},
		}
	}
	base := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	image, err := mutate.Append(base, layers...)
	if err == nil {
		err = remote.Write(tag, image, options(ctx, of.Credentials, of.Transport)...)
	}
	if err != nil {
		return fmt.Errorf("attach to image %s: %w", of.Digest, err)
	}
	return nil
}

// mostEnvelope bounds what is read as an envelope: a bill of materials has
// megabytes at most.
const mostEnvelope = 32 << 20

// Attached reads the envelopes beside an image; none if there are none.
func Attached(ctx context.Context, of Image) ([][]byte, error) {
	tag, err := attestations(of)
	if err != nil {
		return nil, fmt.Errorf("read what is attached to image %s: %w", of.Digest, err)
	}
	image, err := remote.Image(tag, options(ctx, of.Credentials, of.Transport)...)
	var refused *transport.Error
	if errors.As(err, &refused) && refused.StatusCode == http.StatusNotFound {
		return nil, nil
	}
	var envelopes [][]byte
	if err == nil {
		envelopes, err = read(image)
	}
	if err != nil {
		return nil, fmt.Errorf("read what is attached to image %s: %w", of.Digest, err)
	}
	return envelopes, nil
}

func read(image v1.Image) ([][]byte, error) {
	layers, err := image.Layers()
	if err != nil {
		return nil, err
	}
	var envelopes [][]byte
	for _, layer := range layers {
		kind, err := layer.MediaType()
		if err != nil {
			return nil, err
		}
		if kind != envelopeType {
			continue
		}
		// What is stored is what is meant: envelopes are not compressed.
		stored, err := layer.Compressed()
		if err != nil {
			return nil, err
		}
		var text bytes.Buffer
		_, err = io.Copy(&text, io.LimitReader(stored, mostEnvelope))
		if err := errors.Join(err, stored.Close()); err != nil {
			return nil, err
		}
		envelopes = append(envelopes, text.Bytes())
	}
	return envelopes, nil
}

// attestations is the tag under which an image's statements lie.
func attestations(of Image) (name.Tag, error) {
	repo, err := ParseRepository(of.Repository)
	if err != nil {
		return name.Tag{}, err
	}
	if _, err := repo.WithDigest(of.Digest); err != nil {
		return name.Tag{}, err
	}
	target, err := targetRepository(of.Credentials.Endpoint, repo.Name)
	if err != nil {
		return name.Tag{}, err
	}
	return target.Tag(strings.ReplaceAll(of.Digest, ":", "-") + attestationsTag), nil
}
