package deployments

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// format is the version of what is written. Format 1, which is read as well, was a
// list of entries that each repeated who deployed and which migrations cannot be
// undone.
const format = 2

// document is a history as JSON. A parameter holds either all of it or Object, the
// key of the object that does.
type document struct {
	Format   int       `json:"format"`
	Object   string    `json:"object,omitempty"`
	Database *database `json:"database,omitempty"`
	// By are the names that entries refer to by their index, from 1.
	By      []string `json:"by,omitempty"`
	Entries []entry  `json:"entries,omitempty"`
}

// database is a Database with its numbers as ranges, such as 3,7-290.
type database struct {
	Schema       int    `json:"schema"`
	Irreversible string `json:"noWayBack,omitempty"`
}

// entry is an Entry that refers to who deployed.
type entry struct {
	Entry
	By int `json:"by,omitempty"`
}

// oldEntry is an entry of format 1.
type oldEntry struct {
	Entry
	Irreversible []int `json:"noWayBack"`
}

// Parse reads a history's JSON, of this format or the one before.
func Parse(text string) (History, error) {
	d, err := parse(text)
	if err != nil {
		return History{}, err
	}
	if d.Object != "" {
		return History{}, fmt.Errorf("it is kept in the object %s", d.Object)
	}
	return d.history()
}

// parse reads a document.
func parse(text string) (document, error) {
	if trimmed := bytes.TrimSpace([]byte(text)); len(trimmed) > 0 && trimmed[0] == '[' || string(trimmed) == "null" {
		return parseOld(trimmed)
	}
	var d document
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		return document{}, fmt.Errorf("it is not a record of deployments: %w", err)
	}
	switch {
	case d.Format == 0:
		return document{}, errors.New("it is not a record of deployments: it has no format")
	case d.Format != format:
		return document{}, fmt.Errorf("it has format %d and this program reads up to %d: use a newer version of the module", d.Format, format)
	}
	return d, nil
}

func parseOld(text []byte) (document, error) {
	var old []oldEntry
	if err := json.Unmarshal(text, &old); err != nil {
		return document{}, fmt.Errorf("it is not a record of deployments: %w", err)
	}
	var h History
	for _, e := range old {
		h.List = append(h.List, e.Entry)
		h.Migrated(e.Schema, e.Irreversible)
	}
	return h.document(), nil
}

func (h History) document() document {
	d := document{Format: format}
	if h.Database.Schema != 0 || len(h.Database.Irreversible) > 0 {
		d.Database = &database{h.Database.Schema, ranges(h.Database.Irreversible)}
	}
	for _, e := range h.List[:min(len(h.List), keep)] {
		kept := entry{Entry: e}
		if e.By != "" {
			if kept.By = slices.Index(d.By, e.By) + 1; kept.By == 0 {
				d.By = append(d.By, e.By)
				kept.By = len(d.By)
			}
		}
		kept.Entry.By = ""
		d.Entries = append(d.Entries, kept)
	}
	return d
}

func (d document) history() (History, error) {
	var h History
	if d.Database != nil {
		numbers, err := parseRanges(d.Database.Irreversible)
		if err != nil {
			return h, err
		}
		h.Database = Database{Schema: d.Database.Schema, Irreversible: numbers}
	}
	for _, e := range d.Entries {
		whole := e.Entry
		whole.By = ""
		if e.By < 0 || e.By > len(d.By) {
			return h, fmt.Errorf("an entry refers to name %d of %d", e.By, len(d.By))
		}
		if e.By > 0 {
			whole.By = d.By[e.By-1]
		}
		h.List = append(h.List, whole)
	}
	return h, nil
}

// ranges writes sorted numbers as 3,7-290.
func ranges(numbers []int) string {
	var parts []string
	for i := 0; i < len(numbers); {
		j := i
		for j+1 < len(numbers) && numbers[j+1] == numbers[j]+1 {
			j++
		}
		part := strconv.Itoa(numbers[i])
		if j > i {
			part += "-" + strconv.Itoa(numbers[j])
		}
		parts = append(parts, part)
		i = j + 1
	}
	return strings.Join(parts, ",")
}

// maxRange bounds a range that is read, so that a damaged one does not fill the
// memory.
const maxRange = 100_000

func parseRanges(text string) ([]int, error) {
	if text == "" {
		return nil, nil
	}
	var numbers []int
	for part := range strings.SplitSeq(text, ",") {
		from, to, is := strings.Cut(part, "-")
		if !is {
			to = from
		}
		first, err1 := strconv.Atoi(from)
		last, err2 := strconv.Atoi(to)
		if err1 != nil || err2 != nil || first < 0 || last < first || last-first > maxRange || len(numbers) > maxRange {
			return nil, fmt.Errorf("the migrations %.40q are not numbers and ranges as 3,7-290", text)
		}
		for n := first; n <= last; n++ {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return slices.Compact(numbers), nil
}
