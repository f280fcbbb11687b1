package processor

import "strings"

// Event is what is used of an S3 event. It is decoded here and not by the
// Lambda library, which refuses all of an event when one key is malformed.
type Event struct {
	Records []Record `json:"Records"`
}

// Record is one change of one object.
type Record struct {
	EventName string `json:"eventName"`
	S3        struct {
		Bucket struct {
			Name string `json:"name"`
		} `json:"bucket"`
		Object struct {
			Key       string `json:"key"` // URL-encoded
			Sequencer string `json:"sequencer"`
		} `json:"object"`
	} `json:"s3"`
}

// created tells uploads from deletions, restores and test events.
func (r Record) created() bool {
	name := strings.TrimPrefix(r.EventName, "s3:")
	return strings.HasPrefix(name, "ObjectCreated:")
}

// sequencer returns the event's place among those of its key, as a text that
// sorts: S3 asks to fill the shorter of two with zeros on the right.
func (r Record) sequencer() string {
	const width = 32
	s := r.S3.Object.Sequencer
	if s == "" || len(s) >= width {
		return s
	}
	return s + strings.Repeat("0", width-len(s))
}
