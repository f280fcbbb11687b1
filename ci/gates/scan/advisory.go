package scan

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"slices"

	"golang.org/x/mod/semver"
)

// Advisory is one entry of a vulnerability database in the OSV format
// (https://ossf.github.io/osv-schema/), as far as it decides whether a Go module
// is affected.
type Advisory struct {
	ID        string `json:"id"`
	Withdrawn string `json:"withdrawn"`
	Affected  []struct {
		Package struct {
			Name      string `json:"name"`
			Ecosystem string `json:"ecosystem"`
		} `json:"package"`
		Ranges []struct {
			Type   string  `json:"type"`
			Events []Event `json:"events"`
		} `json:"ranges"`
	} `json:"affected"`
}

// Event is a point in a module's versions, written without the v.
type Event struct {
	Introduced string `json:"introduced"`
	Fixed      string `json:"fixed"`
}

// Advisories is a vulnerability database.
type Advisories []Advisory

// ReadAdvisories reads every OSV file (*.json) under a directory. The Go
// vulnerability database comes in that form. A file that is not OSV, such as an
// index, is left out; one that is not JSON is an error.
func ReadAdvisories(dir fs.FS) (Advisories, error) {
	var all Advisories
	err := fs.WalkDir(dir, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Ext(name) != ".json" {
			return err
		}
		raw, err := fs.ReadFile(dir, name)
		if err != nil {
			return err
		}
		if !json.Valid(raw) {
			return fmt.Errorf("%s is not JSON", name)
		}
		var a Advisory
		if json.Unmarshal(raw, &a) == nil && a.ID != "" && len(a.Affected) > 0 {
			all = append(all, a)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the advisories: %w", err)
	}
	return all, nil
}

// For lists the advisories that a package falls under.
func (all Advisories) For(p Package) []string {
	var ids []string
	for _, a := range all {
		if a.Withdrawn == "" && a.applies(p) {
			ids = append(ids, a.ID)
		}
	}
	slices.Sort(ids)
	return ids
}

func (a Advisory) applies(p Package) bool {
	for _, x := range a.Affected {
		if x.Package.Ecosystem != "Go" || x.Package.Name != p.Path {
			continue
		}
		for _, r := range x.Ranges {
			if r.Type == "SEMVER" && within(r.Events, p.Version) {
				return true
			}
		}
	}
	return false
}

// within follows the events in order: each introduction begins a span of
// affected versions, each fix ends it. A version that is none, such as that of a
// module replaced by a directory, is taken as affected from the first
// introduction on, as nothing shows that it is not.
func within(events []Event, version string) bool {
	events = slices.Clone(events)
	at := func(e Event) string {
		if e.Introduced == "0" {
			return "v0.0.0-0"
		}
		if e.Introduced != "" {
			return "v" + e.Introduced
		}
		return "v" + e.Fixed
	}
	slices.SortStableFunc(events, func(a, b Event) int { return semver.Compare(at(a), at(b)) })
	affected := false
	for _, e := range events {
		if semver.IsValid(version) && semver.Compare(version, at(e)) < 0 {
			break
		}
		affected = e.Introduced != ""
		if !semver.IsValid(version) && affected {
			return true
		}
	}
	return affected
}
