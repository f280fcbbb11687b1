// Package deployments remembers what an environment ran, so that the way back is
// known and not guessed: revision minus one may be as bad as the present one. It
// also remembers how far the environment's database was migrated, whatever ran
// afterwards. It is kept as JSON in an SSM parameter, and in a bucket once it is
// larger than a parameter may be. Start at Store.
package deployments

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"time"
)

// Entry is what ran after a deploy or a rollback that succeeded.
type Entry struct {
	// At is when it was so.
	At time.Time `json:"at"`
	// By is who did it.
	By string `json:"by,omitempty"`
	// Commit is what was deployed, if it was a deploy.
	Commit string `json:"commit,omitempty"`
	// Service and Function are the two halves.
	Service  Half `json:"ecs"`
	Function Half `json:"lambda"`
	// Schema is the number of the newest database migration in that code.
	Schema int `json:"schema,omitempty"`
}

// Half is what one of the two halves ran.
type Half struct {
	// Version is a task definition (family:revision) or a Lambda version.
	Version string `json:"version"`
	// Digest is the image's (sha256:...) or the zip's hash in base64.
	Digest string `json:"digest,omitempty"`
	// RolledBackFrom is true once someone rolled back from it: a rollback never goes
	// back to it.
	RolledBackFrom bool `json:"left,omitempty"`
}

// List holds entries, newest first.
type List []Entry

// keep is how many entries stay.
const keep = 50

// Add puts an entry in front. One that runs the same as the newest takes its
// place, so that deploys of nothing new do not push out what one may go back to.
func (h List) Add(e Entry) List {
	if len(h) > 0 && h[0].Service.Version == e.Service.Version && h[0].Function.Version == e.Function.Version {
		e.Commit, e.Schema = cmp.Or(e.Commit, h[0].Commit), max(e.Schema, h[0].Schema)
		h = h[1:]
	}
	h = append(List{e}, h...)
	return h[:min(len(h), keep)]
}

// Part chooses a half of an entry.
type Part func(*Entry) *Half

// Service and Function are the parts there are.
func Service(e *Entry) *Half { return &e.Service }

// Function chooses the Lambda half.
func Function(e *Entry) *Half { return &e.Function }

// MarkRolledBack notes that a version was rolled back from.
func (h List) MarkRolledBack(part Part, version string) List {
	h = slices.Clone(h)
	for i := range h {
		if p := part(&h[i]); p.Version == version {
			p.RolledBackFrom = true
		}
	}
	return h
}

// Previous is the entry to go back to from what runs now: the newest one before
// it in which one of the parts was another and none was rolled back from. All
// parts go to the same entry, so that a half which the last deploy did not
// change stays where it is.
func (h List) Previous(now Entry, parts ...Part) (Entry, error) {
	same := func(e *Entry) bool {
		return !slices.ContainsFunc(parts, func(p Part) bool { return p(e).Version != p(&now).Version })
	}
	usable := func(e *Entry) bool {
		return !slices.ContainsFunc(parts, func(p Part) bool { return p(e).Version == "" || p(e).RolledBackFrom })
	}
	start := slices.IndexFunc(h, func(e Entry) bool { return same(&e) })
	for _, e := range h[start+1:] {
		if !same(&e) && usable(&e) {
			return e, nil
		}
	}
	return Entry{}, errors.New("nothing is recorded that ran before and was not rolled back from: name a version or digest")
}

// Undo is the entry to go back to from a deploy that began and did not end: the
// newest, which was noted before it began. Previous would go back behind that.
func (h List) Undo() (Entry, error) {
	if len(h) == 0 {
		return Entry{}, errors.New("nothing is recorded that ran before the deploy that is under way: name a version or digest")
	}
	return h[0], nil
}

// Find is the newest entry of which a half has that version, its number alone,
// or digest.
func (h List) Find(part Part, name string) (Entry, bool) {
	i := slices.IndexFunc(h, func(e Entry) bool {
		p := part(&e)
		return p.Version == name || p.Digest == name || p.Version != "" && strings.HasSuffix(p.Version, ":"+name)
	})
	if i < 0 {
		return Entry{}, false
	}
	return h[i], true
}
