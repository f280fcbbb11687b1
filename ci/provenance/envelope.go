package provenance

import (
	"bytes"
	"cmp"
	"context"
	"crypto"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"
)

// ErrDirty is why Sign refuses a build whose source is not that of the commit.
var ErrDirty = errors.New("the source differs from the commit, so its provenance is not signed: commit the changes, or build without a signing key")

// The reasons for which Verify refuses.
var (
	// ErrNone is for an artefact that has no statement.
	ErrNone = errors.New("there is no provenance")
	// ErrUnsigned is for a statement that nobody signed.
	ErrUnsigned = errors.New("the provenance is not signed")
	// ErrOtherKey is for one that this key did not sign, or that was changed since.
	ErrOtherKey = errors.New("the provenance is not signed with this key")
	// ErrOtherCommit is for one that names another commit and another content.
	ErrOtherCommit = errors.New("the provenance is of another commit")
	// ErrOtherDigest is for one that does not name the artefact.
	ErrOtherDigest = errors.New("the provenance is not of this artefact")
	// ErrNoProvenance is for what is signed and is not SLSA provenance of this
	// pipeline.
	ErrNoProvenance = errors.New("what is signed is not a provenance of this pipeline")
)

// signer and verifier fit the keys to the library.
type signer struct{ key SigningKey }

func (s signer) Sign(_ context.Context, data []byte) ([]byte, error) { return s.key.sign(data) }
func (signer) KeyID() (string, error)                                { return "", nil }

type verifier struct{ key PublicKey }

func (v verifier) Verify(_ context.Context, data, signature []byte) error {
	if !v.key.verify(data, signature) {
		return ErrOtherKey
	}
	return nil
}
func (verifier) KeyID() (string, error)     { return "", nil }
func (v verifier) Public() crypto.PublicKey { return v.key.public }

// Sign puts a statement into a signed DSSE envelope, in JSON. The provenance of a
// dirty build is refused with ErrDirty.
func Sign(ctx context.Context, statement []byte, key SigningKey) ([]byte, error) {
	var said struct {
		Predicate struct {
			BuildDefinition struct {
				ExternalParameters map[string]any `json:"externalParameters"`
			} `json:"buildDefinition"`
		} `json:"predicate"`
	}
	// A statement of another kind has no such parameter.
	if err := json.Unmarshal(statement, &said); err == nil && said.Predicate.BuildDefinition.ExternalParameters[dirty] != nil {
		return nil, ErrDirty
	}
	signers, err := dsse.NewEnvelopeSigner(signer{key})
	if err != nil {
		return nil, fmt.Errorf("sign the provenance: %w", err)
	}
	envelope, err := signers.SignPayload(ctx, PayloadType, statement)
	if err != nil {
		return nil, fmt.Errorf("sign the provenance: %w", err)
	}
	return json.Marshal(envelope)
}

// Want is what a provenance has to say.
type Want struct {
	// Commit is what the artefacts have to be built from, unless it was another
	// commit that holds the same Contents: hashes by the artefacts' names.
	Commit   string
	Contents map[string]string
	// Artefacts all have to be named.
	Artefacts []Artefact
}

// Verify checks that one of the envelopes is signed with the key and is the
// provenance of what is wanted, and returns the commit at which that was built. Of
// several that are refused, the reason is that of the one that came furthest. See the
// errors for the reasons.
func Verify(ctx context.Context, envelopes [][]byte, key PublicKey, want Want) (string, error) {
	if len(envelopes) == 0 {
		return "", ErrNone
	}
	order := []error{ErrUnsigned, ErrOtherKey, ErrNoProvenance, ErrOtherCommit, ErrOtherDigest}
	furthest := func(err error) int { return slices.IndexFunc(order, func(e error) bool { return errors.Is(err, e) }) }
	var refused error
	for _, envelope := range envelopes {
		commit, err := verify(ctx, envelope, key, want)
		if err == nil {
			return commit, nil
		}
		if refused == nil || furthest(err) > furthest(refused) {
			refused = err
		}
	}
	return "", refused
}

func verify(ctx context.Context, text []byte, key PublicKey, want Want) (string, error) {
	var envelope dsse.Envelope
	if err := json.Unmarshal(text, &envelope); err != nil || len(envelope.Signatures) == 0 {
		return "", ErrUnsigned
	}
	verifiers, err := dsse.NewEnvelopeVerifier(verifier{key})
	if err != nil {
		return "", fmt.Errorf("verify the provenance: %w", err)
	}
	_, payload, err := verifiers.VerifyAndDecode(ctx, &envelope)
	if err != nil {
		return "", ErrOtherKey
	}
	var signed struct {
		statement
		Predicate provenance `json:"predicate"`
	}
	if envelope.PayloadType != PayloadType {
		return "", fmt.Errorf("%w: its type is %.100q", ErrNoProvenance, envelope.PayloadType)
	}
	// The outer Predicate hides the one of statement.
	if err := json.NewDecoder(bytes.NewReader(payload)).Decode(&signed); err != nil {
		return "", fmt.Errorf("%w: %w", ErrNoProvenance, err)
	}
	definition := signed.Predicate.BuildDefinition
	switch {
	case signed.Type != StatementType, signed.PredicateType != ProvenanceType:
		return "", fmt.Errorf("%w: it is a %.100q", ErrNoProvenance, signed.PredicateType)
	case definition.BuildType != BuildType, signed.Predicate.RunDetails.Builder.ID != BuilderID:
		return "", fmt.Errorf("%w: it is built by %.100q", ErrNoProvenance, signed.Predicate.RunDetails.Builder.ID)
	}
	dependencies := definition.ResolvedDependencies
	commit := digestOf(dependencies, source, gitCommit)
	if len(want.Artefacts) == 0 {
		return "", fmt.Errorf("%w: none is named", ErrOtherDigest)
	}
	for _, a := range want.Artefacts {
		hash := digestOf(dependencies, contentOf+a.Name, "sha256")
		if (want.Commit == "" || commit != want.Commit) && (hash == "" || hash != want.Contents[a.Name]) {
			return "", fmt.Errorf("%w: it names %.80q, wanted is %s, and the content of the %s is another", ErrOtherCommit, cmp.Or(commit, "none"), want.Commit, a.Name)
		}
	}
	for _, a := range want.Artefacts {
		if !slices.ContainsFunc(signed.Subject, func(d descriptor) bool { return "sha256:"+d.Digest["sha256"] == a.Digest }) {
			return "", fmt.Errorf("%w: %s %s is not among what was built", ErrOtherDigest, a.Name, a.Digest)
		}
	}
	return commit, nil
}

// digestOf is a dependency's digest of one kind; empty if it has none.
func digestOf(all []descriptor, name, kind string) string {
	i := slices.IndexFunc(all, func(d descriptor) bool { return d.Name == name })
	if i < 0 {
		return ""
	}
	return all[i].Digest[kind]
}
