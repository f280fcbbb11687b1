package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"dagger/sensor-backend/ecr"
	"dagger/sensor-backend/internal/dagger"
	"dagger/sensor-backend/lambdazip"
	"dagger/sensor-backend/pipeline/trigger"
	"dagger/sensor-backend/provenance"
	"dagger/sensor-backend/rollout"
	"dagger/sensor-backend/terraform"
)

// VerifyProvenance checks that this pipeline built the commit's image and zip from this commit.
//
// What is attached to the image in ECR has to be signed with the key and to name
// commit, image and zip. What is unsigned, signed with another key, of another
// commit or of another digest is refused by name.
//
// +cache="never"
func (m *SensorBackend) VerifyProvenance(
	ctx context.Context,
	// Public key in PEM, such as file://cosign.pub. It is not a secret; it is given like one so that it can come from a file or a variable.
	publicKey *dagger.Secret,
) (string, error) {
	keys, err := newSigning(ctx, nil, nil, publicKey)
	if err != nil {
		return "", err
	}
	if keys.public == nil {
		return "", errors.New("the public key is empty")
	}
	return m.onDeployed(ctx, func(c *cloud, out terraform.Outputs) (string, error) {
		image, err := m.pushedImage(ctx, c, out, "")
		if err != nil {
			return "", err
		}
		zip, err := m.processorZip(ctx)
		if err != nil {
			return "", err
		}
		if err := m.verifyProvenance(ctx, c, *keys.public, image, artefacts(image, zip)); err != nil {
			return "", err
		}
		return fmt.Sprintf("image %s and processor zip %s: the provenance is signed with this key and names this commit", image, sha256Of(zip.Zip)), nil
	})
}

// signing is how what is built gets its provenance, and whether that is verified
// before a deploy.
type signing struct {
	// key signs; nil leaves statements unsigned and attaches none.
	key *provenance.SigningKey
	// public verifies; nil verifies nothing.
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

// artefacts are what is deployed: the image, and the zip.
func artefacts(image string, zip lambdazip.Archive) []provenance.Artefact {
	return []provenance.Artefact{{Name: "API image", Digest: digestOf(image)}, {Name: "processor zip", Digest: sha256Of(zip.Zip)}}
}

// attest states what the build stage built, to be kept beside the record. With a
// key it is signed and, with the image's bill of materials, attached to the image
// in the registry.
func (x *execution) attest(ctx context.Context, zip lambdazip.Archive) (string, error) {
	build, err := x.buildFacts(ctx, zip)
	if err != nil {
		return "", err
	}
	changed := x.changed(ctx)
	build.Dirty = changed != ""
	if x.key == nil || build.Dirty {
		statement, err := build.Statement()
		x.attach(".provenance.json", statement)
		if build.Dirty {
			return "provenance unsigned: the tree is dirty, " + changed, err
		}
		return "provenance unsigned", err
	}
	var attached []ecr.Attestation
	for i, artefact := range []string{artefactImage, artefactProcessor} {
		bill, err := x.m.billOf(ctx, artefact)
		if err != nil {
			return "", err
		}
		build.Bills = append(build.Bills, provenance.Artefact{Name: build.Artefacts[i].Name, Digest: sha256Of(bill)})
		statement, err := provenance.Bill(build.Artefacts[i], bill)
		if err != nil {
			return "", err
		}
		envelope, err := provenance.Sign(ctx, statement, *x.key)
		if err != nil {
			return "", err
		}
		x.attach("."+artefact+".sbom.json", envelope)
		if artefact == artefactImage {
			attached = append(attached, ecr.Attestation{PredicateType: provenance.CycloneDXType, Envelope: envelope})
		}
	}
	build.Finished = time.Now()
	statement, err := build.Statement()
	if err != nil {
		return "", err
	}
	envelope, err := provenance.Sign(ctx, statement, *x.key)
	if err != nil {
		return "", err
	}
	x.attach(".provenance.json", envelope)
	attached = append(attached, ecr.Attestation{PredicateType: provenance.ProvenanceType, Envelope: envelope})
	return x.attachToImage(ctx, build, attached)
}

// attachToImage puts statements beside the pushed image. Those of an earlier run of the
// commit stand if this key signed them: the tag is immutable.
func (x *execution) attachToImage(ctx context.Context, build provenance.Build, all []ecr.Attestation) (string, error) {
	of, err := imageOf(ctx, x.cloud, x.built.image)
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
	if err := provenance.Verify(ctx, before, x.key.Public(), want); err != nil {
		return "", fmt.Errorf("image %s has another provenance already: %w", x.built.image, err)
	}
	return "provenance attached before", nil
}

// buildFacts is what the build stage built, without bills of materials.
func (x *execution) buildFacts(ctx context.Context, zip lambdazip.Archive) (provenance.Build, error) {
	ref, err := x.m.revision(ctx)
	if err != nil {
		return provenance.Build{}, err
	}
	arch, err := x.m.platformArchitecture(ctx)
	if err != nil {
		return provenance.Build{}, err
	}
	module, err := dag.CurrentModule().Source().Digest(ctx)
	if err != nil {
		return provenance.Build{}, fmt.Errorf("name the pipeline's version: %w", err)
	}
	source, err := x.m.Services.Digest(ctx)
	if err != nil {
		return provenance.Build{}, fmt.Errorf("name the source's version: %w", err)
	}
	engine, err := dag.Version(ctx)
	if err != nil {
		return provenance.Build{}, fmt.Errorf("name the engine's version: %w", err)
	}
	return provenance.Build{
		Artefacts: artefacts(x.built.image, zip), Commit: ref.Commit, Branch: ref.Branch, Ref: x.event.Ref, Architecture: arch,
		Services: source, Module: module, Engine: engine, Run: x.id, Started: x.started, Finished: time.Now(),
	}, nil
}

// verifyOwnProvenance checks the provenance of what this run is about to deploy,
// if there is a key to check it with.
func (x *execution) verifyOwnProvenance(ctx context.Context) error {
	if x.public == nil {
		return nil
	}
	image, err := x.image(ctx)
	if err != nil {
		return err
	}
	zip, err := x.zip()
	if err != nil {
		return err
	}
	var deploys []provenance.Artefact
	both, running := artefacts(image, zip), x.decision.Running()
	for i, stage := range []string{trigger.ECS, trigger.Lambda} {
		if slices.Contains(running, stage) {
			deploys = append(deploys, both[i])
		}
	}
	return x.m.verifyProvenance(ctx, x.cloud, *x.public, image, deploys)
}

// verifyProvenance refuses, before anything is changed, what was not built by
// this pipeline from this commit.
func (m *SensorBackend) verifyProvenance(ctx context.Context, c *cloud, key provenance.PublicKey, image string, of []provenance.Artefact) error {
	ref, err := m.revision(ctx)
	if err != nil {
		return err
	}
	pushed, err := imageOf(ctx, c, image)
	if err != nil {
		return err
	}
	envelopes, err := ecr.Attached(ctx, pushed)
	if err != nil {
		return err
	}
	err = provenance.Verify(ctx, envelopes, key, provenance.Want{Commit: ref.Commit, Artefacts: of})
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

func sha256Of(content []byte) string {
	sum := sha256.Sum256(content)
	return "sha256:" + hex.EncodeToString(sum[:])
}
