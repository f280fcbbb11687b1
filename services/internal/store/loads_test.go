package store_test

import (
	"errors"
	"testing"
	"time"

	"sensor-backend/services/internal/catalog"
	"sensor-backend/services/internal/store"
)

// TestMarks wants a mark in the row of the content it is about, whatever the object
// is called, and in no other row.
func TestMarks(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 3, 1, 2, 3, 0, time.UTC)
	for _, key := range []string{"incoming/a/1.csv", "claim#1"} {
		table := store.NewTable(&fakeDynamoDB{items: map[string]item{}}, "objects")
		if err := table.MarkLoaded(t.Context(), key, "", at); !errors.Is(err, catalog.ErrNotCurrent) {
			t.Errorf("a row that is not there: %v", err)
		}
		if err := table.Put(t.Context(), object(key, "a")); err != nil {
			t.Fatal(err)
		}
		for _, err := range []error{
			table.MarkLoaded(t.Context(), key, "other", at), table.MarkUnloadable(t.Context(), key, "other", "why"),
		} {
			if !errors.Is(err, catalog.ErrNotCurrent) {
				t.Errorf("the row of another content: %v", err)
			}
		}
		if err := table.MarkUnloadable(t.Context(), key, "e", "why"); err != nil {
			t.Fatal(err)
		}
		if row, _, _ := table.Get(t.Context(), key); row.LoadError != "why" || !row.LoadedAt.IsZero() {
			t.Errorf("row %+v", row)
		}
		for _, etag := range []string{"e", ""} {
			if err := table.MarkLoaded(t.Context(), key, etag, at); err != nil {
				t.Fatal(err)
			}
		}
		if row, _, _ := table.Get(t.Context(), key); row.LoadError != "" || !row.LoadedAt.Equal(at) || row.Rows != 10 {
			t.Errorf("row %+v", row)
		}
	}
}
