// Package cacerts finds the certificate authorities that a machine trusts
// beyond those of its distribution, because containers must trust them too.
package cacerts

import (
	"bytes"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Dir is where a machine keeps its own authorities, below the root of its file
// system. The engine hands everything there to every container.
const Dir = "usr/local/share/ca-certificates"

// distribution is where the ca-certificates package keeps its authorities.
const distribution = "usr/share/ca-certificates"

// Extra gives the certificates of bundle that are in none of the known files,
// each once.
func Extra(bundle []byte, known ...[]byte) []byte {
	seen := map[string]bool{}
	for _, content := range known {
		for _, cert := range certificates(content) {
			seen[string(cert)] = true
		}
	}
	var extra bytes.Buffer
	for _, cert := range certificates(bundle) {
		if !seen[string(cert)] {
			seen[string(cert)] = true
			extra.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}))
		}
	}
	return extra.Bytes()
}

// Find reads the bundle, as SSL_CERT_FILE names it, and gives what neither the
// distribution nor the machine's own directory has. skip is a file in the
// latter not to count: the one that the result is written to.
func Find(root, bundle, skip string) ([]byte, error) {
	content, err := os.ReadFile(bundle)
	if err != nil {
		return nil, fmt.Errorf("read the certificates that SSL_CERT_FILE names: %w", err)
	}
	var known [][]byte
	for _, dir := range []string{distribution, Dir} {
		err := filepath.WalkDir(filepath.Join(root, dir), func(path string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil || d.IsDir() || d.Name() == skip {
				return err
			}
			//nolint:gosec // Only root writes there, and links in it are meant.
			content, err := os.ReadFile(path)
			known = append(known, content)
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("read the known certificates: %w", err)
		}
	}
	return Extra(content, known...), nil
}

func certificates(content []byte) [][]byte {
	var all [][]byte
	for {
		var block *pem.Block
		block, content = pem.Decode(content)
		if block == nil {
			return all
		}
		if block.Type == "CERTIFICATE" {
			all = append(all, block.Bytes)
		}
	}
}
