package deployments

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

func ran(service, function string) Entry {
	return Entry{Service: Half{Version: service, Digest: "sha256:" + service}, Function: Half{Version: function, Digest: "zip" + function}}
}

// TestTwoBadDeploysInARow goes back past both.
func TestTwoBadDeploysInARow(t *testing.T) {
	t.Parallel()
	h := List{}.Add(ran("api:1", "1")).Add(ran("api:2", "2")).Add(ran("api:3", "3"))
	to, err := h.Previous(ran("api:3", "3"), Service)
	if err != nil || to.Service.Version != "api:2" {
		t.Fatalf("%v, %v", to, err)
	}
	h = h.MarkRolledBack(Service, "api:3").Add(ran("api:2", "3"))
	to, err = h.Previous(ran("api:2", "3"), Service)
	if err != nil || to.Service.Version != "api:1" {
		t.Fatalf("the second rollback leads to %v, %v", to, err)
	}
	if to, err := h.Previous(ran("", "3"), Function); err != nil || to.Function.Version != "2" {
		t.Errorf("the other half goes its own way: %v, %v", to, err)
	}
	h = h.MarkRolledBack(Service, "api:2").Add(ran("api:1", "3"))
	if to, err := h.Previous(ran("api:1", "3"), Service); err == nil || !strings.Contains(err.Error(), "name a version or digest") {
		t.Errorf("%v, %v", to, err)
	}
}

// TestBothGoToOneEntry leaves the half alone that the last deploy did not change.
func TestBothGoToOneEntry(t *testing.T) {
	t.Parallel()
	h := List{}.Add(ran("api:1", "1")).Add(ran("api:2", "2")).Add(ran("api:3", "2"))
	to, err := h.Previous(ran("api:3", "2"), Service, Function)
	if err != nil || to.Service.Version != "api:2" || to.Function.Version != "2" {
		t.Errorf("%v, %v", to, err)
	}
}

// TestUndo goes back to what ran, not to what ran before that.
func TestUndo(t *testing.T) {
	t.Parallel()
	h := List{}.Add(ran("api:1", "1")).Add(ran("api:2", "2"))
	if to, err := h.Undo(); err != nil || to.Service.Version != "api:2" {
		t.Errorf("%v, %v", to, err)
	}
	if to, err := (List{}).Undo(); err == nil || !strings.Contains(err.Error(), "name a version or digest") {
		t.Errorf("%v, %v", to, err)
	}
}

func TestWhatRunsIsNotRecorded(t *testing.T) {
	t.Parallel()
	h := List{}.Add(ran("api:1", "1"))
	if to, err := h.Previous(ran("api:9", "1"), Service); err != nil || to.Service.Version != "api:1" {
		t.Errorf("%v, %v", to, err)
	}
}

func TestAddReplacesTheSame(t *testing.T) {
	t.Parallel()
	e := ran("api:1", "1")
	e.Commit, e.Schema = "0a1b", 3
	h := List{}.Add(e).Add(ran("api:1", "1"))
	if len(h) != 1 || h[0].Commit != "0a1b" || h[0].Schema != 3 {
		t.Errorf("%+v", h)
	}
	for i := range keep + 30 {
		h = h.Add(ran(fmt.Sprint("api:", i+2), "1"))
	}
	if len(h) != keep || h[0].Service.Version != fmt.Sprint("api:", keep+31) {
		t.Errorf("%d entries, newest %v", len(h), h[0])
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	h := List{}.Add(ran("api:1", "1")).Add(ran("api:12", "2"))
	for name, want := range map[string]string{"api:1": "api:1", "12": "api:12", "sha256:api:1": "api:1", "2": "", "": ""} {
		e, ok := h.Find(Service, name)
		if e.Service.Version != want || ok != (want != "") {
			t.Errorf("%q: %v, %v", name, e, ok)
		}
	}
}

func TestMigrations(t *testing.T) {
	t.Parallel()
	newest, irreversible, err := Migrations(fstest.MapFS{
		"m/postgres/00001_a.sql": {Data: []byte("-- +goose Up\nCREATE TABLE a();\n-- +goose Down\nDROP TABLE a;\n")},
		"m/postgres/00002_b.sql": {Data: []byte("-- +goose Up\nDROP TABLE b;\n-- +goose Down\n-- the data is gone\n")},
		"m/redshift/00002_b.sql": {Data: []byte("-- +goose Up\nDROP TABLE b;\n")},
		"m/readme.sql":           {Data: []byte("x")},
	})
	if err != nil || newest != 2 || !slices.Equal(irreversible, []int{2}) {
		t.Errorf("%d, %v, %v", newest, irreversible, err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(`[{"at":"2026-01-02T03:04:05Z","ecs":{"version":"api:1"},"lambda":{"version":"1"},"noWayBack":[1,2]}]`)
	f.Add(`null`)
	f.Add(`{"format":2,"database":{"schema":9,"noWayBack":"3,7-290"},"by":["a"],"entries":[{"at":"2026-01-02T03:04:05Z","by":1,"ecs":{"version":"api:1"},"lambda":{"version":"1"}}]}`)
	f.Add(`{"format":2,"database":{"schema":9,"noWayBack":"5-1,-"}}`)
	f.Add(`{"format":2,"object":"x"}`)
	f.Fuzz(func(t *testing.T, text string) {
		h, err := Parse(text)
		if err != nil {
			return
		}
		h.Add(Entry{})
		if _, err := h.Previous(Entry{}, Service); err == nil && len(h.List) < 2 {
			t.Error("there is a way back from the only entry")
		}
		raw, err := json.Marshal(h.document())
		if err != nil {
			t.Fatal(err)
		}
		again, err := Parse(string(raw))
		if err != nil || !reflect.DeepEqual(again.Database, h.Database) || len(again.List) != len(h.List) {
			t.Errorf("%s reads back as %+v, %v", raw, again, err)
		}
	})
}
