package s3event_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"sensor-backend/services/internal/s3event"
)

const (
	direct = `{"Records":[{"eventVersion":"2.1","eventSource":"aws:s3","eventName":"ObjectCreated:Put","s3":{"s3SchemaVersion":"1.0",
		"bucket":{"name":"source"},"object":{"key":"incoming/a+b/1.csv","size":3,"eTag":"e","sequencer":"0A"}}}]}`
	bridge = `{"version":"0","id":"1","detail-type":"Object Created","source":"aws.s3","detail":{"version":"0","bucket":{"name":"source"},
		"object":{"key":"incoming/a+b/1.csv","size":3,"etag":"e","sequencer":"0A"},"reason":"PutObject"}}`
	setUp = `{"Service":"Amazon S3","Event":"s3:TestEvent","Time":"2026-03-01T12:00:00.000Z","Bucket":"source"}`
)

// notification wraps an event as SNS does for a queue.
func notification(t testing.TB, event string) string {
	t.Helper()
	text, err := json.Marshal(map[string]string{"Type": "Notification", "MessageId": "1", "TopicArn": "arn", "Message": event})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// invocation wraps an event as SNS does for a function.
func invocation(t testing.TB, event string) string {
	t.Helper()
	text, err := json.Marshal(map[string]any{"Records": []any{map[string]any{
		"EventSource": "aws:sns", "EventVersion": "1.0", "Sns": map[string]string{"Type": "Notification", "Message": event},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestChanges(t *testing.T) {
	t.Parallel()
	want := s3event.Change{Bucket: "source", Key: "incoming/a b/1.csv", ETag: "e", Sequencer: "0A", Created: true, Name: "ObjectCreated:Put"}
	bridged := want
	bridged.Key, bridged.Name = "incoming/a+b/1.csv", "Object Created" // not encoded there
	removed := want
	removed.Created, removed.Name = false, "ObjectRemoved:Delete"
	deleted := bridged
	deleted.Created, deleted.Name = false, "Object Deleted"
	tests := map[string]struct {
		event string
		want  []s3event.Change
	}{
		"direct":                   {direct, []s3event.Change{want}},
		"with the prefix s3:":      {strings.Replace(direct, `"ObjectCreated`, `"s3:ObjectCreated`, 1), []s3event.Change{{Bucket: want.Bucket, Key: want.Key, ETag: "e", Sequencer: "0A", Created: true, Name: "ObjectCreated:Put"}}},
		"removed":                  {strings.Replace(direct, "ObjectCreated:Put", "ObjectRemoved:Delete", 1), []s3event.Change{removed}},
		"through SNS to a queue":   {notification(t, direct), []s3event.Change{want}},
		"through SNS to a program": {invocation(t, direct), []s3event.Change{want}},
		"EventBridge":              {bridge, []s3event.Change{bridged}},
		"EventBridge through SNS":  {notification(t, bridge), []s3event.Change{bridged}},
		"EventBridge, deleted":     {strings.Replace(bridge, "Object Created", "Object Deleted", 1), []s3event.Change{deleted}},
		"two records":              {strings.Replace(direct, "]}", `,{"eventName":"ObjectCreated:Copy","s3":{"bucket":{"name":"b"},"object":{"key":"%C3%BC%2B+.csv","versionId":"v"}}}]}`, 1), []s3event.Change{want, {Bucket: "b", Key: "ü+ .csv", Created: true, Name: "ObjectCreated:Copy"}}},
		"set up":                   {setUp, nil},
		"set up through SNS":       {notification(t, setUp), nil},
	}
	for name, test := range tests {
		got, err := s3event.Changes([]byte(test.event))
		if err != nil || !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: got %+v, %v, want %+v", name, got, err, test.want)
		}
	}
}

func TestWhatIsNotUnderstood(t *testing.T) {
	t.Parallel()
	deep := direct
	for range 4 {
		deep = notification(t, deep)
	}
	for name, event := range map[string]string{
		"nothing":                   "",
		"words":                     "hello",
		"null":                      "null",
		"an array":                  "[" + direct + "]",
		"an empty object":           "{}",
		"no records":                `{"Records":[]}`,
		"an empty record":           `{"Records":[{}]}`,
		"one empty beside another":  strings.Replace(direct, "[{", "[{},{", 1),
		"names in other case":       strings.Replace(direct, "Records", "records", 1),
		"a key in other case":       strings.Replace(direct, `"key"`, `"Key"`, 1),
		"two keys":                  strings.Replace(direct, `"key"`, `"key":"incoming/other/1.csv","key"`, 1),
		"records are null":          `{"Records":null}`,
		"records are an object":     strings.Replace(strings.Replace(direct, "[{", "{", 1), "}]", "}", 1),
		"no text as key":            strings.Replace(direct, `"incoming/a+b/1.csv"`, "7", 1),
		"two events":                direct + direct,
		"no records through SNS":    notification(t, `{"Records":[]}`),
		"a queue's in a queue's":    `{"Records":[{"eventSource":"aws:sqs","messageId":"1","body":"{\"Records\":[]}"}]}`,
		"no message":                `{"Type":"Notification"}`,
		"message is an object":      `{"Type":"Notification","Message":` + direct + `}`,
		"detail is a text":          `{"source":"aws.s3","detail-type":"Object Created","detail":"{}"}`,
		"an unsubscription":         `{"Type":"UnsubscribeConfirmation","Message":"m"}`,
		"DynamoDB":                  `{"Records":[{"eventSource":"aws:dynamodb","eventName":"INSERT","dynamodb":{}}]}`,
		"Kinesis":                   `{"Records":[{"eventSource":"aws:kinesis","kinesis":{"data":"e30="}}]}`,
		"a schedule":                `{"source":"aws.events","detail-type":"Scheduled Event","detail":{}}`,
		"a test, half":              `{"Event":"s3:TestEvent"}`,
		"two lists of records":      strings.Replace(direct, `{"Records"`, `{"Records":[],"Records"`, 1),
		"no key":                    strings.Replace(direct, "incoming/a+b/1.csv", "", 1),
		"no bucket":                 strings.Replace(direct, `"source"`, `""`, 1),
		"an unknown name":           strings.Replace(direct, "ObjectCreated:Put", "ObjectEnchanted:Put", 1),
		"no name":                   strings.Replace(direct, "ObjectCreated:Put", "", 1),
		"another service's test":    `{"Service":"other","Event":"s3:TestEvent"}`,
		"a subscription":            `{"Type":"SubscriptionConfirmation","Message":"You have chosen to subscribe","Token":"t"}`,
		"words through SNS":         notification(t, "hello"),
		"nothing through SNS":       notification(t, "{}"),
		"other service's event":     strings.Replace(bridge, "aws.s3", "aws.ec2", 1),
		"EventBridge without key":   strings.Replace(bridge, "incoming/a+b/1.csv", "", 1),
		"EventBridge, unheard type": strings.Replace(bridge, "Object Created", "Object Enchanted", 1),
		"EventBridge, unknown type": strings.Replace(bridge, "Object Created", "AWS API Call via CloudTrail", 1),
		"a queue's message":         `{"Records":[{"eventSource":"aws:sqs","messageId":"1","body":"{}"}]}`,
		"too deep":                  deep,
	} {
		if got, err := s3event.Changes([]byte(event)); !errors.Is(err, s3event.ErrUnknown) {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
	}
}

func TestMalformedKey(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"incoming/%zz/1.csv", "incoming/a/%ff.csv", "%" + strings.Repeat("x", 3000)} {
		got, err := s3event.Changes([]byte(strings.Replace(direct, "incoming/a+b/1.csv", key, 1)))
		if err != nil || len(got) != 1 || got[0].Malformed == nil || got[0].Key != key[:min(len(key), 1024)] {
			t.Errorf("%.30s: %+v, %v", key, got, err)
		}
	}
}

// TestMalformedKeyIsText cuts a key within a character.
func TestMalformedKeyIsText(t *testing.T) {
	t.Parallel()
	key := "%zz" + strings.Repeat("ü", 1000)
	got, err := s3event.Changes([]byte(strings.Replace(direct, "incoming/a+b/1.csv", key, 1)))
	if err != nil || len(got) != 1 || got[0].Malformed == nil || !utf8.ValidString(got[0].Key) || len(got[0].Key) != 1023 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestMessages(t *testing.T) {
	t.Parallel()
	got, queued, err := s3event.Messages([]byte(`{"Records":[{"eventSource":"aws:sqs","messageId":"1","body":"a"},{"eventSource":"aws:sqs","messageId":"2","body":"b"}]}`))
	if want := []s3event.Message{{ID: "1", Body: "a"}, {ID: "2", Body: "b"}}; err != nil || !queued || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %t, %v", got, queued, err)
	}
	if _, queued, err := s3event.Messages([]byte(direct)); queued || err != nil {
		t.Errorf("direct: %t, %v", queued, err)
	}
	mixed := strings.Replace(direct, "[{", `[{"eventSource":"aws:sqs","messageId":"1","body":"a"},{`, 1)
	if _, _, err := s3event.Messages([]byte(mixed)); !errors.Is(err, s3event.ErrUnknown) {
		t.Errorf("mixed: %v", err)
	}
}

// FuzzChanges wants every event to be an error, a test event, or changes that
// name a bucket and a key.
func FuzzChanges(f *testing.F) {
	for _, event := range []string{direct, bridge, setUp, notification(f, direct), invocation(f, bridge), "{}", `{"Records":[{}]}`} {
		f.Add([]byte(event))
	}
	f.Fuzz(func(t *testing.T, event []byte) {
		changes, err := s3event.Changes(event)
		if err == nil && len(changes) == 0 && !strings.Contains(string(event), "TestEvent") && !strings.Contains(string(event), `\u`) {
			t.Fatalf("%q holds nothing", event)
		}
		for _, c := range changes {
			if c.Bucket == "" || c.Key == "" || c.Name == "" {
				t.Fatalf("%q: %+v", event, c)
			}
		}
		if _, _, err := s3event.Messages(event); err == nil && !json.Valid(event) {
			t.Fatalf("%q is not JSON", event)
		}
	})
}
