package layout

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDeployersStandApart wants the deployers of ECS and of Lambda not to import
// each other, and no package outside rollout to import either, but for the root
// package and rollout/status.
func TestDeployersStandApart(t *testing.T) {
	t.Parallel()
	const ecs, lambda = module + "/rollout/ecs", module + "/rollout/lambda"
	for _, s := range sources(t) {
		for _, imported := range s.imports {
			switch {
			case imported != ecs && imported != lambda, s.dir == ".", s.dir == "rollout/status":
			case s.dir == "rollout/ecs" && imported == lambda, s.dir == "rollout/lambda" && imported == ecs:
				t.Errorf("%s imports the other deployer, %s", s.file, imported)
			case !within(s.dir, "rollout"):
				t.Errorf("%s imports %s: what it needs belongs into rollout or poll", s.file, imported)
			}
		}
	}
}

// TestRootStaysSmall keeps the root package and the list of packages to a size
// that one reads at a glance.
func TestRootStaysSmall(t *testing.T) {
	t.Parallel()
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	files, directories := 0, 0
	for _, entry := range entries {
		switch name := entry.Name(); {
		case entry.IsDir() && !strings.HasPrefix(name, "."):
			directories++
		case filepath.Ext(name) == ".go" && name != "dagger.gen.go":
			files++
		}
	}
	if files > 32 || directories > 24 {
		t.Errorf("%d Go files and %d directories, want at most 32 and 24", files, directories)
	}
}
