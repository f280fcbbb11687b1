// Package redact takes secrets out of text before it is shown or kept: those it
// was told of, in every form in which programs write them, and what is shaped
// like a credential. Start at Redactor.
package redact

import (
	"errors"
	"slices"
	"strings"
	"sync"
)

// Shortest is the least number of bytes of a secret that is looked for. What is
// shorter, such as "dev", is a word that texts hold for other reasons.
const Shortest = 8

// Mask is what stands where a secret was. It is shorter than any secret, so that
// replacing comes to an end even where replacing makes a secret anew.
const Mask = "***"

// Redactor takes secrets out of text. The zero value knows none, and takes out
// what is shaped like one. It may be used by several goroutines at once.
type Redactor struct {
	mutex sync.RWMutex
	// forms are the known secrets as programs write them, the longest first.
	forms    []string
	replacer *strings.Replacer
}

// New is a Redactor that knows some secrets.
func New(secrets ...string) *Redactor {
	r := &Redactor{}
	r.Learn(secrets...)
	return r
}

// Learn adds secrets to those that are known. One of less than Shortest bytes
// is ignored.
func (r *Redactor) Learn(secrets ...string) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	for _, secret := range secrets {
		r.forms = append(r.forms, formsOf(secret)...)
	}
	slices.SortFunc(r.forms, func(a, b string) int {
		if len(a) != len(b) {
			return len(b) - len(a)
		}
		return strings.Compare(a, b)
	})
	r.forms = slices.Compact(r.forms)
	pairs := make([]string, 0, 2*len(r.forms))
	for _, form := range r.forms {
		pairs = append(pairs, form, Mask)
	}
	r.replacer = strings.NewReplacer(pairs...)
}

// Text is the text without secrets. One that holds none is returned as it is.
func (r *Redactor) Text(text string) string {
	// The known ones come first, so that no shape cuts one in two; and last, as
	// what they are masked by may join two halves of another.
	return r.known(shapeless(r.known(text)))
}

func (r *Redactor) known(text string) string {
	r.mutex.RLock()
	defer r.mutex.RUnlock()
	if len(r.forms) == 0 {
		return text
	}
	for {
		masked := r.replacer.Replace(text)
		if masked == text {
			return text
		}
		text = masked
	}
}

// Error is the error without secrets: the same one if it shows none, and
// otherwise one that says the rest and wraps nothing, since what it would wrap
// shows them.
func (r *Redactor) Error(err error) error {
	if err == nil {
		return nil
	}
	shown := err.Error()
	if clean := r.Text(shown); clean != shown {
		return errors.New(clean)
	}
	return err
}
