package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"dagger/sensor-backend/ecr"
	"dagger/sensor-backend/internal/dagger"
	"dagger/sensor-backend/lambdazip"
	"dagger/sensor-backend/provenance"
	"dagger/sensor-backend/rollout"
	"dagger/sensor-backend/tfrun"
)

// VerifyProvenance checks that the commit's image in ECR and the processor's zip were built by this pipeline from this commit: what is attached to the image has to be signed with the key and to name all three. Refuses by name what is unsigned, signed with another key, of another commit or of another digest.
//
// +cache="never"
func (m *SensorBackend) VerifyProvenance(
	ctx context.Context,
	// Public key in PEM, such as file://cosign.pub. It is no secret, and given like one so that it can come from a file or a variable.
	publicKey *dagger.Secret,
) (shown string, err error) {
	defer clean(&shown, &err)
	keys, err := newSigning(ctx, nil, nil, publicKey)
	if err != nil {
		return "", err
	}
	if keys.public == nil {
		return "", errors.New("the public key is empty")
	}
	return m.deployed(ctx, func(c *cloud, out tfrun.Outputs) (string, error) {
		image, err := m.pushedImage(ctx, c, out, "")
		if err != nil {
			return "", err
		}
		zip, err := m.processorZip(ctx)
		if err != nil {
			return "", err
		}
		if err := m.verifyProvenance(ctx, c, *keys.public, image, zip); err != nil {
			return "", exits(err)
		}
		return fmt.Sprintf("image %s and processor zip %s: the provenance is signed with this key and names this commit", image, zipDigest(zip)), nil
	})
}

// signing is how what is built gets its provenance, and whether that is looked
// at before a deploy.
type signing struct {
	// key signs; nil leaves statements unsigned and attaches none.
	key *provenance.SigningKey
	// public verifies; nil looks at none.
	public *provenance.PublicKey
}

// newSigning reads the keys; one that is not given or empty is none.
func newSigning(ctx context.Context, key, password, public *dagger.Secret) (signing, error) {
	var s signing
	text, err := plaintext(ctx, key, "the signing key")
	if err != nil {
		return s, err
	}
	word, err := plaintext(ctx, password, "the signing key's password")
	if err != nil {
		return s, err
	}
	if text != "" {
		parsed, err := provenance.ParseSigningKey([]byte(text), []byte(word))
		if err != nil {
			return s, err
		}
		s.key = &parsed
	}
	if public == nil {
		return s, nil
	}
	// Not by plaintext: it may be shown.
	open, err := public.Plaintext(ctx)
	if err != nil {
		return s, fmt.Errorf("read the public key: %w; is the file or variable there?", err)
	}
	if strings.TrimSpace(open) == "" {
		return s, nil
	}
	parsed, err := provenance.ParsePublicKey([]byte(open))
	s.public = &parsed
	return s, err
}

// artefacts are what is deployed.
func artefacts(image string, zip lambdazip.Archive) []provenance.Artefact {
	return []provenance.Artefact{{Name: "API image", Digest: digestOf(image)}, {Name: "processor zip", Digest: zipDigest(zip)}}
}

// attest states what the build stage built, to be kept beside the record. With a
// key it is signed and, with the image's bill of materials, attached to the image
// in the registry.
func (d *delivery) attest(ctx context.Context, zip lambdazip.Archive) (string, error) {
	build, err := d.built(ctx, zip)
	if err != nil {
		return "", err
	}
	if d.key == nil {
		said, err := build.Statement()
		d.keepBeside(".provenance.json", said)
		return "provenance unsigned", err
	}
	var attached []ecr.Attestation
	for i, of := range []string{artefactImage, artefactProcessor} {
		bill, err := d.m.billOf(ctx, of)
		if err != nil {
			return "", err
		}
		build.Bills = append(build.Bills, provenance.Artefact{Name: build.Artefacts[i].Name, Digest: sha256Of(bill)})
		said, err := provenance.Bill(build.Artefacts[i], bill)
		if err != nil {
			return "", err
		}
		envelope, err := provenance.Sign(ctx, said, *d.key)
		if err != nil {
			return "", err
		}
		d.keepBeside("."+of+".sbom.json", envelope)
		if of == artefactImage {
			attached = append(attached, ecr.Attestation{PredicateType: provenance.CycloneDXType, Envelope: envelope})
		}
	}
	build.Finished = time.Now()
	said, err := build.Statement()
	if err != nil {
		return "", err
	}
	envelope, err := provenance.Sign(ctx, said, *d.key)
	if err != nil {
		return "", err
	}
	d.keepBeside(".provenance.json", envelope)
	attached = append(attached, ecr.Attestation{PredicateType: provenance.ProvenanceType, Envelope: envelope})
	return d.attach(ctx, build, attached)
}

// attach puts statements beside the pushed image. Those of an earlier run of the
// commit stand if this key signed them: the tag is immutable.
func (d *delivery) attach(ctx context.Context, build provenance.Build, all []ecr.Attestation) (string, error) {
	of, err := imageOf(ctx, d.cloud, d.image)
	if err != nil {
		return "", err
	}
	before, err := ecr.Attached(ctx, of)
	if err != nil {
		return "", err
	}
	if len(before) == 0 {
		return "provenance signed and attached", ecr.Attach(ctx, of, all)
	}
	want := provenance.Want{Commit: build.Commit, Artefacts: build.Artefacts}
	if err := provenance.Verify(ctx, before, d.key.Public(), want); err != nil {
		return "", fmt.Errorf("image %s has another provenance already: %w", d.image, err)
	}
	return "provenance attached before", nil
}

// built is what the build stage built, without bills of materials.
func (d *delivery) built(ctx context.Context, zip lambdazip.Archive) (provenance.Build, error) {
	ref, err := d.m.revision(ctx)
	if err != nil {
		return provenance.Build{}, err
	}
	arch, err := d.m.platformArchitecture(ctx)
	if err != nil {
		return provenance.Build{}, err
	}
	module, err := dag.CurrentModule().Source().Digest(ctx)
	if err != nil {
		return provenance.Build{}, fmt.Errorf("name the pipeline's version: %w", err)
	}
	source, err := d.m.Services.Digest(ctx)
	if err != nil {
		return provenance.Build{}, fmt.Errorf("name the source's version: %w", err)
	}
	engine, err := dag.Version(ctx)
	if err != nil {
		return provenance.Build{}, fmt.Errorf("name the engine's version: %w", err)
	}
	return provenance.Build{
		Artefacts: artefacts(d.image, zip), Commit: ref.Commit, Branch: ref.Branch, Ref: d.event.Ref, Architecture: arch,
		Services: source, Module: module, Engine: engine, Run: d.id, Started: d.started, Finished: time.Now(),
	}, nil
}

// keepBeside notes a file that shall lie beside the record.
func (d *delivery) keepBeside(suffix string, content []byte) {
	d.beside = append(d.beside, attachment{suffix, "application/json", content})
}

// verified checks, once for both halves, the provenance of what is about to be
// deployed, if there is a key to check it with.
func (d *delivery) verified(ctx context.Context, out tfrun.Outputs) error {
	if d.public == nil {
		return nil
	}
	d.verifying.Do(func() {
		image, err := d.deployable(ctx, out)
		if err != nil {
			d.unverified = err
			return
		}
		zip, err := d.zip()
		if err != nil {
			d.unverified = err
			return
		}
		d.unverified = d.m.verifyProvenance(ctx, d.cloud, *d.public, image, zip)
	})
	return d.unverified
}

// verifyProvenance refuses, before anything is changed, what was not built by
// this pipeline from this commit.
func (m *SensorBackend) verifyProvenance(ctx context.Context, c *cloud, key provenance.PublicKey, image string, zip lambdazip.Archive) error {
	ref, err := m.revision(ctx)
	if err != nil {
		return err
	}
	of, err := imageOf(ctx, c, image)
	if err != nil {
		return err
	}
	envelopes, err := ecr.Attached(ctx, of)
	if err != nil {
		return err
	}
	err = provenance.Verify(ctx, envelopes, key, provenance.Want{Commit: ref.Commit, Artefacts: artefacts(image, zip)})
	if err != nil {
		return &rollout.Error{
			Outcome: rollout.NotStarted, Subject: m.targetName(c), Err: fmt.Errorf("image %s: %w", image, err),
			Next: "build this commit with --signing-key, or deploy one that was",
		}
	}
	return nil
}

// imageOf is an image by its reference, with credentials for its registry.
func imageOf(ctx context.Context, c *cloud, reference string) (ecr.Image, error) {
	repository, digest, _ := strings.Cut(reference, "@")
	login, err := c.registryLogin(ctx)
	return ecr.Image{Repository: repository, Digest: digest, Credentials: login}, err
}

// billOf is an artefact's bill of materials, CycloneDX JSON.
func (m *SensorBackend) billOf(ctx context.Context, of string) ([]byte, error) {
	file, err := m.Sbom(ctx, of)
	if err != nil {
		return nil, err
	}
	text, err := file.Contents(ctx)
	if err != nil {
		return nil, fmt.Errorf("list what the %s is made of: %w", of, err)
	}
	return []byte(text), nil
}

func sha256Of(content []byte) string {
	sum := sha256.Sum256(content)
	return "sha256:" + hex.EncodeToString(sum[:])
}
