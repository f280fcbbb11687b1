package provenance

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/secure-systems-lab/go-securesystemslib/encrypted"
)

// SigningKey signs statements. It prints as what it is, never as the key.
type SigningKey struct{ private crypto.Signer }

// String names the kind of key.
func (k SigningKey) String() string { return fmt.Sprintf("a signing key for %T", k.private.Public()) }

// Format is String for every verb, so that none spells out the key.
func (k SigningKey) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(k.String())) }

// Public is the key that checks what this one signs.
func (k SigningKey) Public() PublicKey { return PublicKey{k.private.Public()} }

// PublicKey checks statements.
type PublicKey struct{ public crypto.PublicKey }

// ParseSigningKey reads a private key in PEM: what `cosign generate-key-pair`
// writes, which a password encrypts, or an unencrypted ECDSA or Ed25519 key as
// openssl writes it (PKCS #8, SEC 1). Errors say nothing of what is in it.
func ParseSigningKey(text, password []byte) (SigningKey, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return SigningKey{}, errors.New("the signing key is not in PEM: give what cosign generate-key-pair or openssl genpkey writes")
	}
	var parsed any
	var err error
	switch block.Type {
	case "ENCRYPTED SIGSTORE PRIVATE KEY", "ENCRYPTED COSIGN PRIVATE KEY":
		plain, wrong := encrypted.Decrypt(block.Bytes, password)
		if wrong != nil {
			return SigningKey{}, errors.New("the signing key cannot be decrypted: is its password the right one?")
		}
		parsed, err = x509.ParsePKCS8PrivateKey(plain)
	case "PRIVATE KEY":
		parsed, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		parsed, err = x509.ParseECPrivateKey(block.Bytes)
	default:
		return SigningKey{}, fmt.Errorf("the signing key is a PEM block %.60q: give an ECDSA or Ed25519 key, as cosign generate-key-pair writes", block.Type)
	}
	if err != nil {
		return SigningKey{}, errors.New("the signing key is damaged: its PEM block does not hold a private key")
	}
	switch private := parsed.(type) {
	case *ecdsa.PrivateKey:
		return SigningKey{private}, nil
	case ed25519.PrivateKey:
		return SigningKey{private}, nil
	}
	return SigningKey{}, fmt.Errorf("the signing key is of type %T: give an ECDSA or Ed25519 key", parsed)
}

// ParsePublicKey reads a public key in PEM (PKIX), as cosign and openssl write
// it.
func ParsePublicKey(text []byte) (PublicKey, error) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "PUBLIC KEY" {
		return PublicKey{}, errors.New("the public key is not a PEM block PUBLIC KEY: give cosign.pub, or what openssl pkey -pubout writes")
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return PublicKey{}, fmt.Errorf("the public key is damaged: %w", err)
	}
	switch parsed.(type) {
	case *ecdsa.PublicKey, ed25519.PublicKey:
		return PublicKey{parsed}, nil
	}
	return PublicKey{}, fmt.Errorf("the public key is of type %T: give an ECDSA or Ed25519 key", parsed)
}

// sign signs as cosign does: ECDSA over SHA-256, whatever the curve, and Ed25519
// over the message itself.
func (k SigningKey) sign(message []byte) ([]byte, error) {
	if _, is := k.private.(ed25519.PrivateKey); is {
		return k.private.Sign(rand.Reader, message, crypto.Hash(0))
	}
	sum := sha256.Sum256(message)
	return k.private.Sign(rand.Reader, sum[:], crypto.SHA256)
}

// verify reports whether the signature is this key's.
func (k PublicKey) verify(message, signature []byte) bool {
	switch public := k.public.(type) {
	case *ecdsa.PublicKey:
		sum := sha256.Sum256(message)
		return ecdsa.VerifyASN1(public, sum[:], signature)
	case ed25519.PublicKey:
		return ed25519.Verify(public, message, signature)
	}
	return false
}
