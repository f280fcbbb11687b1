package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"dagger/sensor-backend/gitref"
)

var (
	projectName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,10}[a-z0-9]$`)
	commitName  = regexp.MustCompile(`^[0-9a-f]{40}$`)
)

func checkProject(name string) error {
	if !projectName.MatchString(name) {
		return fmt.Errorf("project %q: give 2 to 12 lower-case letters, digits or dashes, a letter first", name)
	}
	return nil
}

func checkArchitecture(name string) error {
	switch name {
	case "", "amd64", "arm64":
		return nil
	}
	return fmt.Errorf("unknown architecture %q: choose from amd64, arm64", name)
}

func checkCommit(name string) error {
	if name != "" && !commitName.MatchString(name) {
		return fmt.Errorf("commit %q: give the full 40 hex digits, as git rev-parse HEAD prints them", name)
	}
	return nil
}

func checkBranch(name string) error {
	if name == "" {
		return nil
	}
	return gitref.CheckBranch(name)
}

// revision is the commit and branch that image and version are named after:
// what was given, and otherwise what the repository stands on.
func (m *SensorBackend) revision(ctx context.Context) (gitref.Ref, error) {
	ref := gitref.Ref{Commit: m.GivenCommit, Branch: m.GivenBranch}
	if ref.Commit != "" && ref.Branch != "" {
		return ref, nil
	}
	dir, err := os.MkdirTemp("", "git")
	if err != nil {
		return ref, err
	}
	if _, err := m.Repository.Export(ctx, dir); err != nil {
		return ref, fmt.Errorf("read the repository: %w", err)
	}
	head, err := gitref.Read(os.DirFS(filepath.Join(dir, ".git")))
	switch {
	case errors.Is(err, fs.ErrNotExist) && ref.Commit == "":
		return ref, fmt.Errorf("this tree is no git repository: give --commit and --branch")
	case err != nil && ref.Commit == "":
		return ref, fmt.Errorf("find the commit: %w; or give --commit and --branch", err)
	}
	if ref.Commit == "" {
		ref.Commit = head.Commit
	}
	if ref.Branch == "" && ref.Commit == head.Commit {
		ref.Branch = head.Branch
	}
	if ref.Branch == "" {
		ref.Branch = "detached"
	}
	return ref, nil
}

// platformArchitecture is the architecture to build for: the one given, arm64
// for an account, the engine's own for the emulated AWS.
func (m *SensorBackend) platformArchitecture(ctx context.Context) (string, error) {
	if m.GivenArchitecture != "" {
		return m.GivenArchitecture, nil
	}
	given, err := m.credentials(ctx)
	if err != nil {
		return "", err
	}
	if given != nil {
		return "arm64", nil
	}
	return engineArchitecture(ctx)
}

// engineArchitecture is the architecture that the engine runs on.
func engineArchitecture(ctx context.Context) (string, error) {
	platform, err := dag.DefaultPlatform(ctx)
	if err != nil {
		return "", fmt.Errorf("ask the engine for its platform: %w", err)
	}
	parts := strings.Split(string(platform), "/")
	if len(parts) < 2 {
		return "", fmt.Errorf("the engine's platform %q names no architecture", platform)
	}
	return parts[1], nil
}
