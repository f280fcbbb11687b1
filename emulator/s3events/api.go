package s3events

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"sensor-backend/emulator/awsapi"
)

// Buckets reads what S3 keeps of a bucket.
type Buckets interface {
	// Get reads a path of S3.
	Get(ctx context.Context, service, region, path string) ([]byte, error)
	// Head reads the headers of a path of S3.
	Head(ctx context.Context, service, region, path string) (http.Header, error)
}

// Invoke hands an event of a bucket to a function, named by its ARN, to be run
// later.
type Invoke func(ctx context.Context, bucket, function, region string, event []byte) error

// Notifier sends events to functions.
type Notifier struct {
	buckets Buckets
	invoke  Invoke
	clock   func() time.Time
	log     *slog.Logger
	// order is the last sequencer; it starts at the clock so that it also grows
	// from one run to the next.
	order atomic.Int64
}

// New makes a Notifier.
func New(buckets Buckets, invoke Invoke, clock func() time.Time, log *slog.Logger) *Notifier {
	n := &Notifier{buckets: buckets, invoke: invoke, clock: clock, log: log}
	n.order.Store(clock().UnixMicro())
	return n
}

// Changed tells of a change that has succeeded. Answer is the header of S3's
// answer. The bucket's owner, not whoever changed the object, hears of what
// goes wrong: it is only logged.
func (n *Notifier) Changed(ctx context.Context, region string, change Change, answer http.Header) {
	if err := n.tell(ctx, region, change, answer); err != nil {
		n.log.Warn("sending a bucket's event", "bucket", change.Bucket, "key", change.Key, "event", change.Event, "error", err)
	}
}

func (n *Notifier) tell(ctx context.Context, region string, change Change, answer http.Header) error {
	text, err := n.buckets.Get(ctx, "s3", region, "/"+url.PathEscape(change.Bucket)+"?notification")
	if err != nil {
		return err
	}
	targets, err := parseTargets(text)
	if err != nil {
		return err
	}
	var object *objectFacts
	for _, t := range targets {
		if !t.wants(change.Event, change.Key) {
			continue
		}
		if object == nil {
			if object, err = n.describe(ctx, region, change, answer); err != nil {
				return err
			}
		}
		event, err := n.event(t, region, change, *object)
		if err != nil {
			return err
		}
		if err := n.invoke(ctx, change.Bucket, t.Function, region, event); err != nil {
			return fmt.Errorf("call %s: %w", t.Function, err)
		}
	}
	return nil
}

// objectFacts are what an event says of the object.
type objectFacts struct {
	Key       string `json:"key"`
	Size      int64  `json:"size,omitempty"`
	ETag      string `json:"eTag,omitempty"`
	VersionID string `json:"versionId,omitempty"`
	Sequencer string `json:"sequencer"`
}

// describe asks S3 for the object, unless it is gone. The key is encoded as in
// a form, a space as a plus sign.
func (n *Notifier) describe(ctx context.Context, region string, change Change, answer http.Header) (*objectFacts, error) {
	facts := &objectFacts{
		Key:       strings.ReplaceAll(url.QueryEscape(change.Key), "%2F", "/"),
		VersionID: answer.Get("X-Amz-Version-Id"),
		Sequencer: fmt.Sprintf("%016X", n.order.Add(1)),
	}
	if !strings.HasPrefix(change.Event, "ObjectCreated:") {
		return facts, nil
	}
	path := "/" + url.PathEscape(change.Bucket) + "/" + (&url.URL{Path: change.Key}).EscapedPath()
	if facts.VersionID != "" {
		path += "?versionId=" + url.QueryEscape(facts.VersionID)
	}
	header, err := n.buckets.Head(ctx, "s3", region, path)
	if err != nil {
		return nil, err
	}
	facts.ETag = strings.Trim(header.Get("ETag"), `"`)
	if facts.Size, err = strconv.ParseInt(header.Get("Content-Length"), 10, 64); err != nil {
		return nil, fmt.Errorf("read the size of %s: %w", change.Key, err)
	}
	return facts, nil
}

// event is an event notification as the S3 User Guide describes it, "Event
// message structure", version 2.1.
func (n *Notifier) event(t target, region string, change Change, object objectFacts) ([]byte, error) {
	owner := map[string]string{"principalId": "AWS:" + awsapi.DefaultAccount}
	return json.Marshal(map[string]any{"Records": []any{map[string]any{
		"eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": region,
		"eventTime": n.clock().UTC().Format("2006-01-02T15:04:05.000Z"), "eventName": change.Event,
		"userIdentity":      owner,
		"requestParameters": map[string]string{"sourceIPAddress": "127.0.0.1"},
		"responseElements":  map[string]string{},
		"s3": map[string]any{
			"s3SchemaVersion": "1.0", "configurationId": t.ID,
			"bucket": map[string]any{"name": change.Bucket, "ownerIdentity": owner, "arn": "arn:aws:s3:::" + change.Bucket},
			"object": object,
		},
	}}})
}
