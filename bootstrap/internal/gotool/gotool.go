// Package gotool runs this machine's Go toolchain.
package gotool

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"sensor-backend/bootstrap/internal/run"
)

// Facts is what the toolchain says of itself.
type Facts struct {
	Version string
	Root    string
	Arch    string
	// Network holds the settings that say where modules come from and how they
	// are checked, where they differ from Go's defaults. Containers need them
	// as much as the machine does.
	Network map[string]string
}

// networkSettings name the settings of Facts.Network.
func networkSettings() []string {
	return []string{"GOPROXY", "GOSUMDB", "GONOSUMDB", "GONOPROXY", "GOPRIVATE", "GOINSECURE"}
}

// Look asks the toolchain.
func Look(ctx context.Context, ex run.Executor) (Facts, error) {
	out, err := run.Output(ctx, ex, run.Command{
		Name: "go", Args: []string{"env", "-json", "GOVERSION", "GOROOT", "GOHOSTARCH"},
	})
	if err != nil {
		return Facts{}, fmt.Errorf("ask the Go toolchain: %w", err)
	}
	var env map[string]string
	if err := json.Unmarshal([]byte(out), &env); err != nil {
		return Facts{}, fmt.Errorf("parse the Go toolchain's settings: %w", err)
	}
	facts := Facts{Version: env["GOVERSION"], Root: env["GOROOT"], Arch: env["GOHOSTARCH"], Network: map[string]string{}}
	out, err = run.Output(ctx, ex, run.Command{
		Name: "go", Args: append([]string{"env", "-changed", "-json"}, networkSettings()...),
	})
	if err != nil {
		return Facts{}, fmt.Errorf("ask the Go toolchain for its network settings: %w", err)
	}
	if err := json.Unmarshal([]byte(out), &facts.Network); err != nil {
		return Facts{}, fmt.Errorf("parse the Go toolchain's network settings: %w", err)
	}
	return facts, nil
}

// NetworkEnv gives Facts.Network as sorted NAME=value pairs.
func (f Facts) NetworkEnv() []string {
	env := make([]string, 0, len(f.Network))
	for _, name := range slices.Sorted(maps.Keys(f.Network)) {
		env = append(env, name+"="+f.Network[name])
	}
	return env
}

// Build is one call of go build.
type Build struct {
	// Dir holds the module to build in, apart from any workspace.
	Dir string
	// Packages to build, and Output as in go build -o.
	Packages []string
	Output   string
	// Variables are set by the linker.
	Variables map[string]string
	// Env is added to the environment.
	Env []string
}

// Run builds static programs without debug data or paths of this machine.
func (b Build) Run(ctx context.Context, ex run.Executor, log io.Writer) error {
	return ex.Run(ctx, run.Command{
		Name:   "go",
		Args:   append([]string{"build", "-trimpath", "-ldflags", b.ldflags(), "-o", b.Output}, b.Packages...),
		Dir:    b.Dir,
		Env:    append([]string{"GOWORK=off", "CGO_ENABLED=0", "GOOS=linux"}, b.Env...),
		Stdout: log, Stderr: log,
	})
}

func (b Build) ldflags() string {
	flags := append(make([]string, 0, 2+2*len(b.Variables)), "-s", "-w")
	for _, name := range slices.Sorted(maps.Keys(b.Variables)) {
		flags = append(flags, "-X", name+"="+b.Variables[name])
	}
	return strings.Join(flags, " ")
}

// Module is a downloaded module.
type Module struct {
	Dir   string `json:"Dir"`
	Sum   string `json:"Sum"`
	Error string `json:"Error"`
}

// Download gets a module outside of any build and checks it against its known
// hash. noSumDB names modules that the checksum database may lack.
func Download(ctx context.Context, ex run.Executor, path, version, sum, noSumDB string, log io.Writer) (Module, error) {
	var module Module
	out, err := run.Output(ctx, ex, run.Command{
		Name: "go", Args: []string{"mod", "download", "-json", path + "@" + version},
		Dir: os.TempDir(), Env: []string{"GOWORK=off", "GONOSUMDB=" + noSumDB}, Stderr: log,
	})
	if err != nil {
		return module, fmt.Errorf("download %s: %w", path, err)
	}
	if err := json.Unmarshal([]byte(out), &module); err != nil {
		return module, fmt.Errorf("download %s: parse the answer: %w", path, err)
	}
	if module.Error != "" {
		return module, fmt.Errorf("download %s: %s", path, module.Error)
	}
	if module.Sum != sum {
		return module, fmt.Errorf("download %s: its hash is %s and should be %s; do not use this copy", path, module.Sum, sum)
	}
	return module, nil
}
