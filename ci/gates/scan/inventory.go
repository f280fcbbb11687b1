package scan

import (
	"archive/tar"
	"bytes"
	"debug/buildinfo"
	"errors"
	"fmt"
	"io"
	"path"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
)

// Inventory is the list of what the program in an image was made of.
type Inventory struct {
	// Program is the path of the image's entry point.
	Program string
	// GoVersion is the toolchain's, such as go1.26.1.
	GoVersion string
	// Packages are the Go modules in it, the replaced ones by what replaced them,
	// in order of their paths. The standard library is "stdlib".
	Packages []Package
}

// Package is one module.
type Package struct {
	// Path and Version name the module as in go.mod, the version with its v.
	Path, Version string
}

// maxProgram bounds what is read into memory of one program.
const maxProgram = 512 << 20

// ReadInventory reads the package list that the Go linker left in the image's
// entry point (package debug/buildinfo). An entry point that is not a Go program,
// or was stripped of its build information, is an error: what is in it is not
// known.
func ReadInventory(img v1.Image) (Inventory, error) {
	config, err := img.ConfigFile()
	if err != nil {
		return Inventory{}, fmt.Errorf("list the image's packages: read its config: %w", err)
	}
	command := append(slices.Clone(config.Config.Entrypoint), config.Config.Cmd...)
	if len(command) == 0 {
		return Inventory{}, errors.New("list the image's packages: it has no entry point")
	}
	program := path.Join("/", config.Config.WorkingDir, command[0])
	if path.IsAbs(command[0]) {
		program = path.Clean(command[0])
	}
	files := mutate.Extract(img)
	defer func() { _ = files.Close() }()
	raw, err := find(files, program)
	if err != nil {
		return Inventory{}, fmt.Errorf("list the image's packages: %w", err)
	}
	info, err := buildinfo.Read(bytes.NewReader(raw))
	if err != nil {
		return Inventory{}, fmt.Errorf("list the packages of %s: %w", program, err)
	}
	return inventory(program, info), nil
}

// find reads one regular file of a tar stream.
func find(files io.Reader, name string) ([]byte, error) {
	r := tar.NewReader(files)
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("it has no file %s", name)
		}
		if err != nil {
			return nil, err
		}
		if path.Clean("/"+h.Name) != name || h.Typeflag != tar.TypeReg {
			continue
		}
		if h.Size > maxProgram {
			return nil, fmt.Errorf("%s is larger than %d MB", name, maxProgram>>20)
		}
		return io.ReadAll(io.LimitReader(r, maxProgram))
	}
}

func inventory(program string, info *debug.BuildInfo) Inventory {
	inv := Inventory{Program: program, GoVersion: info.GoVersion}
	inv.Packages = append(inv.Packages, Package{stdlib, goSemver(info.GoVersion)})
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		inv.Packages = append(inv.Packages, Package{m.Path, m.Version})
	}
	slices.SortFunc(inv.Packages, func(a, b Package) int { return strings.Compare(a.Path, b.Path) })
	return inv
}

// stdlib is the standard library's name in the Go vulnerability database.
const stdlib = "stdlib"

// goSemver is a toolchain's version in the form of a module's: go1.26.8 is
// v1.26.8 (The Go Vulnerability Database, "stdlib").
func goSemver(version string) string {
	v, _, _ := strings.Cut(strings.TrimPrefix(version, "go"), " ")
	if strings.Count(v, ".") == 1 && !strings.Contains(v, "rc") {
		v += ".0"
	}
	return "v" + v
}

// Judge compares the package list with advisories. With none at hand the answer
// is Listed: the list was read, and that is all that is known. With some, any
// advisory that applies blocks, since these carry no severity, unless the
// policy excepts it.
func (inv Inventory) Judge(advisories Advisories, p Policy, now time.Time) Result {
	res := Result{Outcome: Listed, Status: "package list", Reason: fmt.Sprintf(
		"ECR cannot scan it; %s is built with %s of %d modules, which were compared with nothing: no advisories are given",
		inv.Program, inv.GoVersion, len(inv.Packages)-1)}
	if len(advisories) == 0 {
		return res
	}
	var found []finding
	for _, pkg := range inv.Packages {
		for _, id := range advisories.For(pkg) {
			found = append(found, finding{id + " in " + pkg.Path + " " + pkg.Version, "CRITICAL"})
		}
	}
	byID := func(f finding) string { id, _, _ := strings.Cut(f.name, " "); return id }
	named := Policy{FailOn: p.FailOn}
	for _, f := range found {
		if e, ok := p.exception(byID(f)); ok {
			e.ID = f.name
			named.Allow = append(named.Allow, e)
		}
	}
	named.judge(&res, found, now)
	res.Outcome = Clean
	res.Reason = fmt.Sprintf("ECR cannot scan it; %d packages of %s compared with %d advisories", len(inv.Packages), inv.Program, len(advisories))
	if len(res.Findings) > 0 {
		res.Outcome = Vulnerable
		res.Reason += ": " + strings.Join(res.Findings, ", ")
	}
	return res
}
