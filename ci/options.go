package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"dagger/sensor-backend/gitref"
	"dagger/sensor-backend/internal/dagger"
	"dagger/sensor-backend/target"
	"dagger/sensor-backend/text"
)

// names are what the environment's resources are called.
func (m *SensorBackend) names() target.Names {
	return target.NamesOf(m.Project, m.Environment, m.Region)
}

func checkArchitecture(name string) error {
	switch name {
	case "", "amd64", "arm64":
		return nil
	}
	return text.Unknown("architecture", name, []string{"amd64", "arm64"}, "--architecture")
}

// checkOptional checks a value that may be left out.
func checkOptional(value string, check func(string) error) error {
	if value == "" {
		return nil
	}
	return check(value)
}

// checkTime refuses what is not a time.
func checkTime(value string) error {
	if _, err := time.Parse(time.RFC3339, value); err != nil {
		return fmt.Errorf("time %q: give it as the credentials do, for example --aws-credential-expiration 2026-01-31T12:00:00Z", value)
	}
	return nil
}

// parseDuration reads an argument that is a time; an empty one is zero.
func parseDuration(argument, value string) (time.Duration, error) {
	if value == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(value)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%s %q: give a time such as 30s, 10m or 2h; for example --%s 10m", argument, value, argument)
	}
	return d, nil
}

// nonEmpty leaves out the empty names that an empty input of a workflow becomes.
func nonEmpty(list []string) []string {
	var names []string
	for _, name := range list {
		if name = strings.TrimSpace(name); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// revision is the commit and branch that are worked on, after which the image's tag is
// named: what was given, and otherwise the repository's HEAD.
func (m *SensorBackend) revision(ctx context.Context) (gitref.Ref, error) {
	ref := gitref.Ref{Commit: m.GivenCommit, Branch: m.GivenBranch}
	if ref.Commit != "" && ref.Branch != "" {
		return ref, nil
	}
	dir, err := os.MkdirTemp("", "git")
	if err != nil {
		return ref, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	named := m.Repository.Filter(dagger.DirectoryFilterOpts{Exclude: []string{".git/objects"}})
	if _, err := named.Export(ctx, dir); err != nil {
		return ref, fmt.Errorf("read the repository: %w", err)
	}
	head, err := gitref.Read(os.DirFS(filepath.Join(dir, ".git")))
	switch {
	case errors.Is(err, fs.ErrNotExist) && ref.Commit == "":
		return ref, errors.New("this tree is not a git repository: give --commit and --branch")
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

// revisionFor is the revision that a system is deployed from. One that arguments
// name need not have to do with this repository: its revision is what was given.
func (m *SensorBackend) revisionFor(ctx context.Context, n named) (gitref.Ref, error) {
	if n.given() {
		return gitref.Ref{Commit: m.GivenCommit, Branch: m.GivenBranch}, nil
	}
	return m.revision(ctx)
}

// platformArchitecture is the architecture to build for: the one given, arm64
// for an account, the engine's own for the emulated AWS.
func (m *SensorBackend) platformArchitecture(ctx context.Context) (string, error) {
	if m.GivenArchitecture != "" {
		return m.GivenArchitecture, nil
	}
	account, err := m.onAccount(ctx)
	if err != nil {
		return "", err
	}
	if account {
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
