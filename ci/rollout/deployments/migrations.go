package deployments

import (
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// migrationForm is a migration's file name (goose: NUMBER_NAME.sql).
var migrationForm = regexp.MustCompile(`^(\d+)_.+\.sql$`)

// Migrations reads, anywhere under dir, which is the newest goose migration and
// which ones cannot be undone: those whose "-- +goose Down" part is missing or
// holds no statement. So an author says that old code cannot live with them.
func Migrations(dir fs.FS) (newest int, irreversible []int, err error) {
	err = fs.WalkDir(dir, ".", func(name string, d fs.DirEntry, err error) error {
		m := migrationForm.FindStringSubmatch(path.Base(name))
		if err != nil || d.IsDir() || m == nil {
			return err
		}
		raw, err := fs.ReadFile(dir, name)
		if err != nil {
			return err
		}
		n, err := strconv.Atoi(m[1])
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		newest = max(newest, n)
		if !undoable(string(raw)) && !slices.Contains(irreversible, n) {
			irreversible = append(irreversible, n)
		}
		return nil
	})
	if err != nil {
		return 0, nil, fmt.Errorf("read the database migrations: %w", err)
	}
	slices.Sort(irreversible)
	return newest, irreversible, nil
}

// undoable reports whether there is a statement in the part that undoes.
func undoable(sql string) bool {
	_, down, found := strings.Cut(sql, "-- +goose Down")
	if !found {
		return false
	}
	for line := range strings.Lines(down) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "--") {
			return true
		}
	}
	return false
}
