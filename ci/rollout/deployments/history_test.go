package deployments

import (
	"slices"
	"strings"
	"testing"
)

// at is an entry with a schema.
func at(service string, schema int) Entry {
	e := ran(service, "1")
	e.Schema = schema
	return e
}

// TestAMigrationOutlivesItsService is a deploy whose irreversible migration ran and
// whose service was rolled back: what runs is old, and the database is not.
func TestAMigrationOutlivesItsService(t *testing.T) {
	t.Parallel()
	var h History
	h.Migrated(1, nil)
	h.Add(at("api:1", 1))
	h.Migrated(2, nil)
	h.Add(at("api:2", 2))
	h.Migrated(3, []int{3})
	// api:3 was rolled back and leaves no entry.
	to, err := h.Previous(at("api:2", 2), Service)
	if err != nil || to.Service.Version != "api:1" {
		t.Fatalf("%v, %v", to, err)
	}
	if err := h.CheckReversible(to); err == nil || !strings.Contains(err.Error(), "migration 3, which was applied after api:1, cannot be undone: go forward with a fix") {
		t.Errorf("error %v", err)
	}
	h.Add(at("api:4", 3))
	if err := h.CheckReversibleTo("api:4"); err != nil {
		t.Errorf("its code has the migration: %v", err)
	}
}

func TestCheckReversible(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name         string
		schema       int
		irreversible []int
		to           Entry
		refused      bool
	}{
		{"one in between", 3, []int{3}, at("api:1", 1), true},
		{"one that both have", 3, []int{1}, at("api:1", 1), false},
		{"all can be undone", 3, nil, at("api:1", 1), false},
		{"the schema is not recorded", 3, []int{3}, at("api:1", 0), false},
		{"forward", 1, []int{1}, at("api:1", 3), false},
		{"one that was not applied", 3, []int{5}, at("api:1", 1), false},
	} {
		var h History
		h.Migrated(c.schema, c.irreversible)
		h.Add(c.to)
		if err := h.CheckReversible(c.to); (err != nil) != c.refused {
			t.Errorf("%s: %v", c.name, err)
		}
		if err := h.CheckReversibleTo(c.to.Service.Version); (err != nil) != c.refused {
			t.Errorf("%s, by its name: %v", c.name, err)
		}
	}
	if err := (History{}).CheckReversibleTo("api:0"); err != nil {
		t.Errorf("what is not recorded is not refused: %v", err)
	}
}

func TestMigratedOnlyMovesForward(t *testing.T) {
	t.Parallel()
	var h History
	h.Migrated(5, []int{4, 2})
	h.Migrated(3, []int{2, 3})
	if h.Database.Schema != 5 || !slices.Equal(h.Database.Irreversible, []int{2, 3, 4}) {
		t.Errorf("%+v", h.Database)
	}
}

func TestHistoryMarksWhatWasRolledBackFrom(t *testing.T) {
	t.Parallel()
	var h History
	h.Add(ran("api:1", "1"))
	h.Add(ran("api:2", "1"))
	h.MarkRolledBack(Service, "api:2")
	if !h.List[0].Service.RolledBackFrom || h.List[1].Service.RolledBackFrom {
		t.Errorf("%+v", h.List)
	}
}
