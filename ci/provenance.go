package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"dagger/sensor-backend/ecr"
	"dagger/sensor-backend/gitref/content"
	"dagger/sensor-backend/internal/dagger"
	"dagger/sensor-backend/lambdazip"
	"dagger/sensor-backend/pipeline/trigger"
	"dagger/sensor-backend/provenance"
	"dagger/sensor-backend/rollout"
	"dagger/sensor-backend/terraform"
)

// VerifyProvenance checks that this pipeline built the commit's image and zip from its source.
//
// What is attached to both in ECR has to be signed with the key and to name them and
// either this commit or one of which all that they are built from is the same. What
// is unsigned, signed with another key, of another source or of another digest is
// refused by name.
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
		built, err := m.programs(ctx, m.api)
		if err != nil {
			return "", err
		}
		verified, err := m.verifyProvenance(ctx, c, *keys.public, image, built, artefacts(image, built.zip))
		if err != nil {
			return "", err
		}
		return strings.Join(verified, "\n"), nil
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

// The artefacts' names in what is said of them.
const (
	imageName = "API image"
	zipName   = "processor zip"
)

// artefacts are what is deployed: the image, and the zip.
func artefacts(image string, zip lambdazip.Archive) []provenance.Artefact {
	return []provenance.Artefact{{Name: imageName, Digest: digestOf(image)}, {Name: zipName, Digest: sha256Of(zip.Zip)}}
}

// contents are what the artefacts are built from.
func (p programs) contents() []provenance.Content {
	of := func(name string, v content.Version) provenance.Content {
		return provenance.Content{Of: name, Commit: v.Commit, Hash: v.Hash}
	}
	return []provenance.Content{of(imageName, p.api.version), of(zipName, p.processor.version)}
}

// want is a provenance of these programs, built at this commit or at another one.
func (p programs) want(commit string, of ...provenance.Artefact) provenance.Want {
	hashes := map[string]string{}
	for _, c := range p.contents() {
		hashes[c.Of] = c.Hash
	}
	return provenance.Want{Commit: commit, Contents: hashes, Artefacts: of}
}

// attest states what the build stage built, to be kept beside the record. With a
// key it is signed and, with the bills of materials, attached to both in the registry.
func (x *execution) attest(ctx context.Context, built programs) (string, error) {
	build, err := x.buildFacts(ctx, built)
	if err != nil {
		return "", err
	}
	changed, err := x.differs.Get(ctx)
	if err != nil {
		return "", err
	}
	build.Dirty = changed != "" || built.api.version.Dirty || built.processor.version.Dirty
	if x.key == nil || build.Dirty {
		statement, err := build.Statement()
		x.attach(".provenance.json", statement)
		if build.Dirty {
			return "provenance unsigned: the tree is dirty, " + cmp.Or(changed, "by what the programs are built from"), err
		}
		return "provenance unsigned", err
	}
	bills := make([][]byte, len(build.Artefacts))
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
		if bills[i], err = provenance.Sign(ctx, statement, *x.key); err != nil {
			return "", err
		}
		x.attach("."+artefact+".sbom.json", bills[i])
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
	said := make([]string, len(build.Artefacts))
	for i, artefact := range build.Artefacts {
		said[i], err = x.attachTo(ctx, artefact, built.want(build.Commit, artefact), []ecr.Attestation{
			{PredicateType: provenance.CycloneDXType, Envelope: bills[i]},
			{PredicateType: provenance.ProvenanceType, Envelope: envelope},
		})
		if err != nil {
			return "", err
		}
	}
	return "provenance of the " + strings.Join(said, ", of the "), nil
}

// attachTo puts statements beside an artefact in the image's repository, under the
// artefact's digest. Those of an earlier run stand if this key signed them and they
// are of the same source: tags are immutable, and a later commit that changes nothing
// of it builds the same artefact.
func (x *execution) attachTo(ctx context.Context, artefact provenance.Artefact, want provenance.Want, all []ecr.Attestation) (string, error) {
	of, err := imageOf(ctx, x.cloud, x.built.image)
	if err != nil {
		return "", err
	}
	of.Digest = artefact.Digest
	before, err := ecr.Attached(ctx, of)
	if err != nil {
		return "", err
	}
	if len(before) == 0 {
		return artefact.Name + " signed and attached", ecr.Attach(ctx, of, all)
	}
	commit, err := provenance.Verify(ctx, before, x.key.Public(), want)
	if err != nil {
		return "", fmt.Errorf("%s %s has another provenance already: %w", artefact.Name, artefact.Digest, err)
	}
	return artefact.Name + " attached before, built at " + commit, nil
}

// buildFacts is what the build stage built, without bills of materials.
func (x *execution) buildFacts(ctx context.Context, built programs) (provenance.Build, error) {
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
		Artefacts: artefacts(x.built.image, built.zip), Contents: built.contents(), Commit: ref.Commit, Branch: ref.Branch, Ref: x.event.Ref, Architecture: arch,
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
	built, err := x.programs.Get(ctx)
	if err != nil {
		return err
	}
	var deploys []provenance.Artefact
	both, running := artefacts(image, built.zip), x.decision.Running()
	for i, stage := range []string{trigger.ECS, trigger.Lambda} {
		if slices.Contains(running, stage) {
			deploys = append(deploys, both[i])
		}
	}
	verified, err := x.m.verifyProvenance(ctx, x.cloud, *x.public, image, built, deploys)
	for _, line := range verified {
		progress("%s", line)
	}
	return err
}

// verifyProvenance refuses, before anything is changed, what was not built by this
// pipeline from the source of this commit. It returns a line for each artefact.
func (m *SensorBackend) verifyProvenance(ctx context.Context, c *cloud, key provenance.PublicKey, image string, built programs, of []provenance.Artefact) ([]string, error) {
	ref, err := m.revision(ctx)
	if err != nil {
		return nil, err
	}
	place, err := imageOf(ctx, c, image)
	if err != nil {
		return nil, err
	}
	var verified []string
	for _, artefact := range of {
		place.Digest = artefact.Digest
		envelopes, err := ecr.Attached(ctx, place)
		if err != nil {
			return verified, err
		}
		commit, err := provenance.Verify(ctx, envelopes, key, built.want(ref.Commit, artefact))
		if err != nil {
			return verified, &rollout.Error{
				Outcome: rollout.NotStarted, Subject: m.targetName(c), Err: fmt.Errorf("%s %s: %w", artefact.Name, artefact.Digest, err),
				Next: "build this commit with --signing-key, or deploy one that was",
			}
		}
		verified = append(verified, fmt.Sprintf("%s %s: the provenance is signed with this key, built at commit %s", artefact.Name, artefact.Digest, commit))
	}
	return verified, nil
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
