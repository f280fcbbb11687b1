// Package imagecheck inspects an image the way an attacker would who got into
// its container: as whom the program runs, what else there is to run, and how
// much of it. There is no Dockerfile to lint; the image itself is judged.
package imagecheck

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"dagger/sensor-backend/gates"
)

// Limits says what an image may be.
type Limits struct {
	// MaxBytes is the most its compressed layers may weigh together.
	MaxBytes int64
}

// Facts are what was seen of an image.
type Facts struct {
	// Bytes is the weight of the compressed layers, Files how many regular files
	// they come to, and User the one the program runs as.
	Bytes int64
	Files int
	User  string
}

// String is one line for a report.
func (f Facts) String() string {
	return fmt.Sprintf("%.1f MB, %d files, user %s", float64(f.Bytes)/1e6, f.Files, f.User)
}

// The rules, as findings name them.
const (
	ruleRoot       = "image-user"
	ruleShell      = "image-shell"
	ruleSize       = "image-size"
	ruleSetuid     = "image-setuid"
	ruleVariable   = "image-environment"
	ruleEntrypoint = "image-entrypoint"
)

// Check judges an image. The error is for an image that cannot be read.
func Check(img v1.Image, limits Limits) (Facts, []gates.Finding, error) {
	var facts Facts
	var found []gates.Finding
	report := func(rule, file, format string, args ...any) {
		found = append(found, gates.Finding{Rule: rule, Message: fmt.Sprintf(format, args...), File: file})
	}
	config, err := img.ConfigFile()
	if err != nil {
		return facts, nil, fmt.Errorf("read the image's config: %w", err)
	}
	facts.User = config.Config.User
	if runsAsRoot(facts.User) {
		report(ruleRoot, "", "the program runs as root (user %q): set a numeric user above 0", facts.User)
	}
	if len(config.Config.Entrypoint) == 0 {
		report(ruleEntrypoint, "", "there is no entry point: nothing says what the image runs")
	}
	for _, variable := range config.Config.Env {
		if name, _, _ := strings.Cut(variable, "="); secretName(name) {
			report(ruleVariable, "", "the environment variable %s is in the image: give it to the task as a secret", name)
		}
	}
	layers, err := img.Layers()
	if err != nil {
		return facts, nil, fmt.Errorf("read the image's layers: %w", err)
	}
	for _, layer := range layers {
		size, err := layer.Size()
		if err != nil {
			return facts, nil, fmt.Errorf("read the image's layers: %w", err)
		}
		facts.Bytes += size
	}
	if facts.Bytes > limits.MaxBytes {
		report(ruleSize, "", "the image weighs %.1f MB, more than %.1f MB", float64(facts.Bytes)/1e6, float64(limits.MaxBytes)/1e6)
	}
	err = walk(img, func(h *tar.Header) {
		name := strings.TrimPrefix(path.Clean("/"+h.Name), "/")
		switch h.Typeflag {
		case tar.TypeDir:
			return
		case tar.TypeReg:
			facts.Files++
		}
		if shell(path.Base(name)) && (h.Typeflag != tar.TypeReg || h.Mode&0o111 != 0) {
			report(ruleShell, name, "there is a shell: whoever breaks in can use it")
		}
		if h.Typeflag == tar.TypeReg && h.Mode&0o6000 != 0 {
			report(ruleSetuid, name, "the file changes who runs it (mode %04o)", h.Mode&0o7777)
		}
	})
	return facts, found, err
}

// runsAsRoot says whether a user of an image's config is root, which no name but
// a number above 0 rules out (Kubernetes' runAsNonRoot asks for the same).
func runsAsRoot(user string) bool {
	name, _, _ := strings.Cut(user, ":")
	id, err := strconv.ParseUint(name, 10, 32)
	return err != nil || id == 0
}

func shell(base string) bool {
	switch base {
	case "sh", "ash", "bash", "busybox", "csh", "dash", "fish", "ksh", "mksh", "tcsh", "toybox", "zsh":
		return true
	}
	return false
}

func secretName(name string) bool {
	name = strings.ToLower(name)
	for _, part := range []string{"password", "passwd", "secret", "token", "api_key", "private_key", "access_key"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}

// walk calls visit for every entry of the image's file system.
func walk(img v1.Image, visit func(*tar.Header)) error {
	files := mutate.Extract(img)
	defer func() { _ = files.Close() }()
	r := tar.NewReader(files)
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the image's files: %w", err)
		}
		visit(h)
	}
}
