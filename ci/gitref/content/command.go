package content

import (
	"maps"
	"slices"
	"strings"
)

// Variables is the compiler's environment as NAME, VALUE pairs, in a fixed order.
func (r Recipe) Variables() [][2]string {
	list := make([][2]string, 0, 2+len(r.Environment))
	list = append(list, [2]string{"GOTOOLCHAIN", r.Toolchain}, [2]string{"GOARCH", r.Architecture})
	for _, name := range slices.Sorted(maps.Keys(r.Environment)) {
		list = append(list, [2]string{name, r.Environment[name]})
	}
	return list
}

// Command compiles the program to a file, from the directory of its module. The
// version is what the program will say of itself; the zero Version tells it nothing.
func (r Recipe) Command(v Version, out string) []string {
	command := append([]string{"go", "build"}, r.Flags...)
	linker := strings.TrimSpace(r.Linker + " " + v.linker())
	return append(command, "-tags", r.Tags, "-ldflags", linker, "-o", out, "./"+r.Package)
}

// linker sets the variables of package main that hold the version.
func (v Version) linker() string {
	var set []string
	if v.Name != "" {
		set = append(set, "-X main.version="+v.Name)
	}
	if v.Commit != "" {
		set = append(set, "-X main.commit="+v.Commit)
	}
	return strings.Join(set, " ")
}
