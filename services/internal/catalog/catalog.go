// Package catalog holds what is recorded of a processed source object: the
// row the processor writes last and the API shows.
package catalog

import (
	"errors"
	"time"
)

// ErrSuperseded is returned, wrapped, by a write that came after the row of a
// later event.
var ErrSuperseded = errors.New("a later event has written this row")

// ErrNotCurrent is returned, wrapped, by a mark on a row that is not there yet or is
// that of another content.
var ErrNotCurrent = errors.New("the row is not there yet or is that of another content")

// Status says how the processing of an object ended.
type Status string

// The ways an object's processing ends; each is final for the object's content.
const (
	Processed Status = "processed" // at least one good reading
	Empty     Status = "empty"     // nothing in it, nothing wrong with it
	Failed    Status = "failed"    // not one good reading, or not readable to its end
)

// Object is the row of one source object.
type Object struct {
	Key           string    `json:"object_key"`
	SensorID      string    `json:"sensor_id"`
	Metrics       []string  `json:"metrics"`
	Rows          int       `json:"rows"`
	BadRows       int       `json:"bad_rows"`
	Anomalies     int       `json:"anomalies"`
	FirstTime     time.Time `json:"first_ts,omitzero"`
	LastTime      time.Time `json:"last_ts,omitzero"`
	ProcessedKey  string    `json:"processed_key"`
	QuarantineKey string    `json:"quarantine_key"`
	ETag          string    `json:"source_etag"`
	Status        Status    `json:"status"`
	Reason        string    `json:"reason,omitempty"` // why it failed
	ProcessedAt   time.Time `json:"processed_at"`
	// LoadedAt is when the readings were all in the warehouse; zero while they are
	// not. LoadError says why they could not be taken in, until they are.
	LoadedAt  time.Time `json:"loaded_at,omitzero"`
	LoadError string    `json:"load_error,omitempty"`
	// IgnoredColumns are the columns, or the names in JSON, that were passed over.
	IgnoredColumns []string `json:"ignored_columns,omitempty"`
	// Sequencer orders the events of one key, as S3 does; an event with a
	// lower one never replaces the row of a higher one.
	Sequencer string `json:"-"`
}

// Query selects rows, in no particular order.
type Query struct {
	SensorID string // any when empty
	After    string // continue behind this object key; from the start when empty
	Limit    int
}

// Page is some rows and the key to continue behind; Next is empty on the last.
type Page struct {
	Objects []Object
	Next    string
}
