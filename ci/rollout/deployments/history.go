package deployments

import (
	"fmt"
	"slices"
)

// History is what an environment ran, the newest first, and how far its database
// was migrated.
type History struct {
	List
	Database Database
}

// Database is how far a database was migrated. It only moves forward: a rollback of
// the service does not undo a migration.
type Database struct {
	// Schema is the number of the newest migration that was applied.
	Schema int
	// Irreversible are the applied migrations that cannot be undone, in order.
	Irreversible []int
}

// Migrated notes that migrations were applied: schema is the newest, irreversible
// those of the code that cannot be undone. Older code that says less takes nothing
// back.
func (h *History) Migrated(schema int, irreversible []int) {
	h.Database.Schema = max(h.Database.Schema, schema)
	all := slices.Concat(h.Database.Irreversible, irreversible)
	slices.Sort(all)
	h.Database.Irreversible = slices.Compact(all)
}

// CheckReversible checks that the database lets one go back to an entry: no
// migration that was applied after the entry's own may be one that cannot be
// undone. An entry whose schema is not recorded is not refused.
func (h History) CheckReversible(to Entry) error {
	if to.Schema == 0 {
		return nil
	}
	for _, n := range h.Database.Irreversible {
		if n > to.Schema && n <= h.Database.Schema {
			return fmt.Errorf("database migration %d, which was applied after %s, cannot be undone: go forward with a fix", n, to.Service.Version)
		}
	}
	return nil
}

// CheckReversibleTo is CheckReversible to a task definition, family:revision. One
// that is not recorded is not refused.
func (h History) CheckReversibleTo(service string) error {
	to, known := h.Find(Service, service)
	if !known {
		return nil
	}
	return h.CheckReversible(to)
}

// MarkRolledBack notes that a version was rolled back from.
func (h *History) MarkRolledBack(part Part, version string) {
	h.List = h.List.MarkRolledBack(part, version)
}

// Add notes what runs now; see List.Add.
func (h *History) Add(e Entry) { h.List = h.List.Add(e) }
