// Package provenance says what was built from what, by what, in a form that
// others can check: an in-toto Statement (v1) with a SLSA provenance predicate
// (v1), in a DSSE envelope that is signed if there is a key. cosign
// verify-attestation reads it: the verification code of cosign v2.6.5 was seen to
// accept what Sign and ecr.Attach make of an ECDSA key, and to refuse it with
// another key. There is no keyless signing: that takes an
// identity token which GitHub gives to a job and not to what a job calls.
// Start at Build and Verify.
package provenance

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"dagger/sensor-backend/gitref"
)

// The types of statements and predicates (in-toto Attestation Framework v1,
// SLSA v1.0; CycloneDX, "Attestations").
const (
	StatementType  = "https://in-toto.io/Statement/v1"
	ProvenanceType = "https://slsa.dev/provenance/v1"
	CycloneDXType  = "https://cyclonedx.org/bom"
	// PayloadType is what a DSSE envelope of a statement holds.
	PayloadType = "application/vnd.in-toto+json"
)

// BuildType names how this pipeline builds, and BuilderID the pipeline.
const (
	BuildType = "urn:sensor-backend:build:v1"
	BuilderID = "urn:sensor-backend:ci"
)

// Artefact is something that was built, by name and digest, sha256:HEX.
type Artefact struct {
	Name, Digest string
}

// Content is what of the source one artefact is built from. It stays the same through
// commits that change other things, and so does the artefact.
type Content struct {
	// Of is the artefact's name.
	Of string
	// Commit is the last commit that changed it, which the artefact shows as its
	// version; empty if that is not known.
	Commit string
	// Hash is the SHA-256 of it, 64 hex digits.
	Hash string
}

// Build is what a run built.
type Build struct {
	// Artefacts are what was built.
	Artefacts []Artefact
	// Commit is what was checked out to build them, Branch its branch; Ref the full
	// reference, empty if it is not known.
	Commit, Branch, Ref string
	// Dirty is true if the source differs from the commit, such as by changes that are
	// not committed. The statement then says so and does not name the commit as what
	// was built, and Sign refuses it.
	Dirty bool
	// Contents are what each artefact's bytes depend on, see Content.
	Contents []Content
	// Architecture is what they were built for, amd64 or arm64.
	Architecture string
	// Services is the digest of the source that was compiled.
	Services string
	// Module is the digest of the pipeline's own source, Engine the version of
	// the Dagger engine that ran it.
	Module, Engine string
	// Run is the run's id, Started when it started and Finished when the
	// artefacts were there.
	Run               string
	Started, Finished time.Time
	// Bills are the artefacts' bills of materials, CycloneDX JSON.
	Bills []Artefact
}

type statement struct {
	Type          string       `json:"_type"`
	Subject       []descriptor `json:"subject"`
	PredicateType string       `json:"predicateType"`
	Predicate     any          `json:"predicate"`
}

// descriptor is in-toto's ResourceDescriptor.
type descriptor struct {
	Name   string            `json:"name,omitempty"`
	Digest map[string]string `json:"digest,omitempty"`
}

type provenance struct {
	BuildDefinition buildDefinition `json:"buildDefinition"`
	RunDetails      runDetails      `json:"runDetails"`
}

type buildDefinition struct {
	BuildType            string            `json:"buildType"`
	ExternalParameters   map[string]string `json:"externalParameters"`
	InternalParameters   map[string]string `json:"internalParameters,omitempty"`
	ResolvedDependencies []descriptor      `json:"resolvedDependencies"`
}

type runDetails struct {
	Builder    builder      `json:"builder"`
	Metadata   metadata     `json:"metadata"`
	Byproducts []descriptor `json:"byproducts,omitempty"`
}

type builder struct {
	ID      string            `json:"id"`
	Version map[string]string `json:"version"`
}

type metadata struct {
	InvocationID string    `json:"invocationId"`
	StartedOn    time.Time `json:"startedOn"`
	FinishedOn   time.Time `json:"finishedOn"`
}

// gitCommit is the digest's name for a commit (SLSA v1.0, "ResourceDescriptor").
const gitCommit = "gitCommit"

// source is the dependency that the commit is, and dirty the parameter that says that
// what was built differs from it.
const (
	source = "source"
	dirty  = "dirty"
)

// contentOf begins the name of the dependency that an artefact's content is; the
// artefact's name follows.
const contentOf = "content of "

var (
	sha256Form = regexp.MustCompile(`^sha256:([0-9a-f]{64})$`)
	hashForm   = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

// Statement is the build as an in-toto statement with SLSA provenance, in JSON.
func (b Build) Statement() ([]byte, error) {
	if !gitref.IsCommit(b.Commit) {
		return nil, fmt.Errorf("provenance: commit %.80q is not a commit of 40 or 64 hex digits", b.Commit)
	}
	subjects, err := descriptors(b.Artefacts)
	if err != nil {
		return nil, err
	}
	bills, err := descriptors(b.Bills)
	if err != nil {
		return nil, err
	}
	external := map[string]string{"branch": b.Branch, "architecture": b.Architecture}
	if b.Ref != "" {
		external["ref"] = b.Ref
	}
	from := descriptor{Name: source, Digest: map[string]string{gitCommit: b.Commit}}
	if b.Dirty {
		external[dirty] = "the source differs from commit " + b.Commit
		from = descriptor{Name: source}
	}
	contents, err := b.contents()
	if err != nil {
		return nil, err
	}
	return encode(subjects, ProvenanceType, provenance{
		BuildDefinition: buildDefinition{
			BuildType: BuildType, ExternalParameters: external, InternalParameters: map[string]string{"services": b.Services},
			ResolvedDependencies: append([]descriptor{from}, contents...),
		},
		RunDetails: runDetails{
			Builder:    builder{ID: BuilderID, Version: map[string]string{"module": b.Module, "engine": b.Engine}},
			Metadata:   metadata{InvocationID: b.Run, StartedOn: b.Started.UTC().Truncate(time.Second), FinishedOn: b.Finished.UTC().Truncate(time.Second)},
			Byproducts: bills,
		},
	})
}

// contents are the artefacts' contents as dependencies. Those of a dirty build name no
// commit.
func (b Build) contents() ([]descriptor, error) {
	var list []descriptor
	for _, c := range b.Contents {
		if !hashForm.MatchString(c.Hash) || c.Commit != "" && !gitref.IsCommit(c.Commit) || strings.TrimSpace(c.Of) == "" {
			return nil, fmt.Errorf("provenance: the content of artefact %.80q has commit %.80q and hash %.80q, want a commit or none and 64 hex digits", c.Of, c.Commit, c.Hash)
		}
		digest := map[string]string{"sha256": c.Hash}
		if c.Commit != "" && !b.Dirty {
			digest[gitCommit] = c.Commit
		}
		list = append(list, descriptor{Name: contentOf + c.Of, Digest: digest})
	}
	return list, nil
}

// Bill is the statement that a CycloneDX bill of materials is an artefact's.
func Bill(of Artefact, bill []byte) ([]byte, error) {
	var document map[string]any
	if err := json.Unmarshal(bill, &document); err != nil {
		return nil, fmt.Errorf("bill of materials of %s: %w", of.Name, err)
	}
	subjects, err := descriptors([]Artefact{of})
	if err != nil {
		return nil, err
	}
	return encode(subjects, CycloneDXType, document)
}

func encode(subjects []descriptor, predicateType string, predicate any) ([]byte, error) {
	if len(subjects) == 0 {
		return nil, errors.New("provenance: nothing was built")
	}
	return json.Marshal(statement{Type: StatementType, Subject: subjects, PredicateType: predicateType, Predicate: predicate})
}

func descriptors(all []Artefact) ([]descriptor, error) {
	var list []descriptor
	for _, a := range all {
		m := sha256Form.FindStringSubmatch(a.Digest)
		if m == nil || strings.TrimSpace(a.Name) == "" {
			return nil, fmt.Errorf("provenance: artefact %.80q has the digest %.100q, want a name and sha256:HEX", a.Name, a.Digest)
		}
		list = append(list, descriptor{Name: a.Name, Digest: map[string]string{"sha256": m[1]}})
	}
	return list, nil
}
