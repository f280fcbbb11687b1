package main

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"sensor-backend/plancheck/plan"
)

// keyVariable holds the key that a plan is sealed with: 64 hex digits, made for one
// run and known to nobody else.
const keyVariable = "PLAN_KEY"

// seal encrypts a plan, so that it can lie in a container's layer until it is applied.
func seal(_ context.Context, args []string, _ io.Reader, _ io.Writer) error {
	return crypt("seal", args, func(box cipher.AEAD, content []byte) ([]byte, error) {
		nonce := make([]byte, box.NonceSize())
		if _, err := io.ReadFull(rand.Reader, nonce); err != nil {
			return nil, err
		}
		return box.Seal(nonce, nonce, content, nil), nil
	})
}

// unseal decrypts it, and refuses one that is not as it was sealed.
func unseal(_ context.Context, args []string, _ io.Reader, _ io.Writer) error {
	return crypt("open", args, func(box cipher.AEAD, content []byte) ([]byte, error) {
		if len(content) < box.NonceSize() {
			return nil, errors.New("it is too short")
		}
		return box.Open(nil, content[:box.NonceSize()], content[box.NonceSize():], nil)
	})
}

// crypt makes one file of another with the key.
func crypt(what string, args []string, work func(cipher.AEAD, []byte) ([]byte, error)) error {
	const files = 2
	if len(args) != files {
		return fmt.Errorf("usage: %s FROM TO", what)
	}
	key, err := hex.DecodeString(os.Getenv(keyVariable))
	if err != nil || len(key) != 32 {
		return fmt.Errorf("%s the plan: %s holds no key of 64 hex digits", what, keyVariable)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return fmt.Errorf("%s the plan: %w", what, err)
	}
	box, err := cipher.NewGCM(block)
	if err != nil {
		return fmt.Errorf("%s the plan: %w", what, err)
	}
	content, err := os.ReadFile(args[0]) //nolint:gosec // G703: the file is named on the command line
	if err != nil {
		return fmt.Errorf("%s the plan: %w", what, err)
	}
	made, err := work(box, content)
	if err != nil {
		return fmt.Errorf("%s the plan: %w", what, err)
	}
	if err := os.WriteFile(args[1], made, 0o600); err != nil { //nolint:gosec // G703: the file is named on the command line
		return fmt.Errorf("%s the plan: %w", what, err)
	}
	return nil
}

// unchanged prints the outputs as they stand if the plan has nothing to apply, and
// nothing if it has.
func unchanged(_ context.Context, _ []string, stdin io.Reader, stdout io.Writer) error {
	standing, err := plan.ReadStanding(stdin)
	if err != nil || standing.Applyable {
		return err
	}
	return json.NewEncoder(stdout).Encode(standing.Outputs)
}
