// Package machine finds out what the plan needs to know of this machine.
package machine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"sensor-backend/bootstrap/internal/aptsrc"
	"sensor-backend/bootstrap/internal/gotool"
	"sensor-backend/bootstrap/internal/plan"
	"sensor-backend/bootstrap/internal/run"
)

// Look gathers the facts. Root is "/" except in tests.
func Look(ctx context.Context, ex run.Executor, root string) (plan.Machine, error) {
	var m plan.Machine
	var err error
	if m.Go, err = gotool.Look(ctx, ex); err != nil {
		return m, err
	}
	osRelease, err := os.ReadFile(filepath.Join(root, "etc/os-release"))
	if err != nil {
		return m, fmt.Errorf("read which system this is: %w", err)
	}
	if m.Codename, err = aptsrc.Codename(string(osRelease)); err != nil {
		return m, err
	}
	if m.Sources, err = aptsrc.Read(filepath.Join(root, "etc/apt")); err != nil {
		return m, err
	}
	if _, err := m.Sources.Archive(m.Codename); err != nil {
		return m, err
	}
	dump, err := run.Output(ctx, ex, run.Command{Name: "apt-config", Args: []string{"dump"}})
	if err != nil {
		return m, fmt.Errorf("read apt's settings: %w", err)
	}
	m.Settings = aptsrc.Settings(dump)
	m.Terraform, m.TerraformID, err = terraform()
	return m, err
}

// terraform finds the program and something that changes when it does.
func terraform() (path, id string, err error) {
	path, err = exec.LookPath("terraform")
	if errors.Is(err, exec.ErrNotFound) {
		return "", "", nil
	}
	if err != nil {
		return "", "", fmt.Errorf("look for terraform: %w", err)
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return "", "", fmt.Errorf("look for terraform: %w", err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", "", fmt.Errorf("look at terraform: %w", err)
	}
	return path, fmt.Sprintf("%d %d", info.Size(), info.ModTime().Unix()), nil
}

// GoModule finds the directory of the bootstrap module from the working
// directory: this program builds from files of the repository.
func GoModule(ctx context.Context, ex run.Executor) (string, error) {
	dir, err := run.Output(ctx, ex, run.Command{Name: "go", Args: []string{"list", "-m", "-f", "{{.Dir}}", "sensor-backend/bootstrap"}})
	if err != nil {
		return "", fmt.Errorf("find the bootstrap module: %w; run this inside the repository", err)
	}
	return strings.TrimSpace(dir), nil
}
