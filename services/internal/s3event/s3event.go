// Package s3event reads what S3 says of its objects, in every wrapping in which
// that comes: as it is, in messages of SQS and SNS, and through EventBridge.
// What is not understood is an error, so that it goes back to the queue it came
// from. Start with Changes and Messages.
package s3event

import (
	"errors"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json"

	"sensor-backend/services/internal/objectkey"
)

// Change is one change of one object.
type Change struct {
	Bucket string
	// Key is the object's key as it is; where the event's own form of it cannot
	// be decoded, that form, and Malformed says why.
	Key       string
	Malformed error
	ETag      string
	// Sequencer orders the changes of one key, as texts; empty if the event has
	// none.
	Sequencer string
	// Created tells uploads from deletions, restores and the like, which Name
	// names.
	Created bool
	Name    string
}

// Message is one message of an SQS queue.
type Message struct{ ID, Body string }

// ErrUnknown is returned, wrapped, for what is not an event of S3.
var ErrUnknown = errors.New("not an event of S3")

// envelope has what tells the wrappings apart. Names are exact, and none may
// stand twice: the JSON library sees to that.
type envelope struct {
	Records []record `json:"Records"`

	// SNS.
	Type    string  `json:"Type"`
	Message *string `json:"Message"`

	// EventBridge.
	Source     string `json:"source"`
	DetailType string `json:"detail-type"`
	Detail     *place `json:"detail"`

	// S3, when a notification is set up.
	Event   string `json:"Event"`
	Service string `json:"Service"`
}

type record struct {
	EventSource string `json:"eventSource"`
	EventName   string `json:"eventName"`
	S3          *place `json:"s3"`

	// SQS.
	MessageID string `json:"messageId"`
	Body      string `json:"body"`

	// SNS, where the same is called EventSource.
	Source string `json:"EventSource"`
	SNS    *struct {
		Message string `json:"Message"`
	} `json:"Sns"`
}

// place names an object, in S3's own event and in EventBridge's.
type place struct {
	Bucket struct {
		Name string `json:"name"`
	} `json:"bucket"`
	Object struct {
		Key       string `json:"key"` // URL-encoded by S3, plain by EventBridge
		Sequencer string `json:"sequencer"`
		ETag      string `json:"eTag"` // S3
		Etag      string `json:"etag"` // EventBridge
	} `json:"object"`
}

// Messages returns the messages of an event that comes from an SQS queue;
// queued is false for any other event.
func Messages(event []byte) (messages []Message, queued bool, err error) {
	var e envelope
	if err := json.Unmarshal(event, &e); err != nil {
		return nil, false, fmt.Errorf("%w: %w", ErrUnknown, err)
	}
	for _, r := range e.Records {
		if r.EventSource == "aws:sqs" {
			messages = append(messages, Message{r.MessageID, r.Body})
		}
	}
	if len(messages) > 0 && len(messages) < len(e.Records) {
		return nil, false, fmt.Errorf("%w: some of its records are messages of a queue and some are not", ErrUnknown)
	}
	return messages, len(messages) > 0, nil
}

// deepest is how many wrappings one event may have: EventBridge or S3, SNS, SQS.
const deepest = 3

// Changes takes an event out of its wrappings. The event that S3 sends when a
// notification is set up holds no change and is not an error.
func Changes(event []byte) ([]Change, error) { return changes(event, deepest) }

func changes(event []byte, depth int) ([]Change, error) {
	if depth == 0 {
		return nil, fmt.Errorf("%w: it is wrapped more than %d times", ErrUnknown, deepest)
	}
	var e envelope
	if err := json.Unmarshal(event, &e); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnknown, err)
	}
	switch {
	case len(e.Records) > 0:
		var all []Change
		for i := range e.Records {
			some, err := e.Records[i].changes(depth)
			if err != nil {
				return nil, fmt.Errorf("record %d: %w", i, err)
			}
			all = append(all, some...)
		}
		return all, nil
	case e.Type == "Notification" && e.Message != nil:
		return changes([]byte(*e.Message), depth-1)
	case e.Source == "aws.s3" && e.Detail != nil:
		return bridged(e)
	case e.Event == "s3:TestEvent" && e.Service == "Amazon S3":
		return nil, nil
	case e.Type != "":
		return nil, fmt.Errorf("%w but a message of SNS of the type %q: confirm the subscription by hand, or take the message away", ErrUnknown, e.Type)
	}
	return nil, fmt.Errorf("%w: it has neither Records, nor a Message of SNS, nor a detail of aws.s3", ErrUnknown)
}

func (r *record) changes(depth int) ([]Change, error) {
	switch {
	case r.Source == "aws:sns" && r.SNS != nil:
		return changes([]byte(r.SNS.Message), depth-1)
	case r.S3 == nil || r.S3.Bucket.Name == "" || r.S3.Object.Key == "":
		return nil, fmt.Errorf("%w: it names no bucket and key", ErrUnknown)
	}
	name := strings.TrimPrefix(r.EventName, "s3:")
	kind, _, _ := strings.Cut(name, ":")
	if !known(kind) {
		return nil, fmt.Errorf("%w: its name is %q", ErrUnknown, r.EventName)
	}
	c := Change{Bucket: r.S3.Bucket.Name, ETag: r.S3.Object.ETag, Sequencer: r.S3.Object.Sequencer, Created: kind == created, Name: name}
	if c.Key, c.Malformed = objectkey.FromEvent(r.S3.Object.Key); c.Malformed != nil {
		c.Key = strings.ToValidUTF8(r.S3.Object.Key[:min(len(r.S3.Object.Key), objectkey.MaxKey)], "")
	}
	return []Change{c}, nil
}

const created = "ObjectCreated"

// known knows the families of S3's events ("Event notification types" in the S3
// user guide).
func known(kind string) bool {
	switch kind {
	case created, "ObjectRemoved", "ObjectRestore", "ObjectTagging", "ObjectAcl", "Replication",
		"LifecycleExpiration", "LifecycleTransition", "IntelligentTiering", "ReducedRedundancyLostObject":
		return true
	}
	return false
}

// bridged reads an event of EventBridge ("EventBridge event message structure"
// in the S3 user guide), whose key is not encoded.
func bridged(e envelope) ([]Change, error) {
	if e.Detail.Bucket.Name == "" || e.Detail.Object.Key == "" {
		return nil, fmt.Errorf("%w: it names no bucket and key", ErrUnknown)
	}
	if !knownDetail(e.DetailType) {
		return nil, fmt.Errorf("%w: its detail-type is %q", ErrUnknown, e.DetailType)
	}
	return []Change{{
		Bucket: e.Detail.Bucket.Name, Key: e.Detail.Object.Key, ETag: e.Detail.Object.Etag, Sequencer: e.Detail.Object.Sequencer,
		Created: e.DetailType == createdDetail, Name: e.DetailType,
	}}, nil
}

const createdDetail = "Object Created"

// knownDetail knows what S3 tells EventBridge ("Using EventBridge" in the S3 user
// guide).
func knownDetail(kind string) bool {
	switch kind {
	case createdDetail, "Object Deleted", "Object Restore Initiated", "Object Restore Completed", "Object Restore Expired",
		"Object Storage Class Changed", "Object Access Tier Changed", "Object ACL Updated", "Object Tags Added", "Object Tags Deleted":
		return true
	}
	return false
}
