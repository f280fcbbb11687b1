package processor_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
)

// raw is the event of a file as S3 sends it.
func raw(key string) string {
	return fmt.Sprintf(`{"Records":[{"eventSource":"aws:s3","eventName":"ObjectCreated:Put",
		"s3":{"bucket":{"name":%q},"object":{"key":%q,"size":1}}}]}`, bucket, url.QueryEscape(key))
}

// TestQueue has a batch of messages of which some fail: only those come again,
// and among them is everything that is not understood.
func TestQueue(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.fails["open"] = 1
	const wrapped = "incoming/boiler/wrapped.csv"
	for _, k := range []string{key, wrapped} {
		w.put(k, []byte("2026-03-01 12:10:00,1\n"))
	}
	w.put("incoming/a/1.csv", nil)
	sns, err := json.Marshal(map[string]string{"Type": "Notification", "Message": raw(wrapped)})
	if err != nil {
		t.Fatal(err)
	}
	messages := [][2]string{
		{"down", raw("incoming/a/1.csv")},
		{"good", raw(key)},
		{"wrapped", string(sns)},
		{"words", "hello"},
		{"empty", "{}"},
		{"subscription", `{"Type":"SubscriptionConfirmation","Message":"m"}`},
		{"test", `{"Service":"Amazon S3","Event":"s3:TestEvent"}`},
		{"refused", raw("incoming/a/readme.txt")},
	}
	records := make([]map[string]string, len(messages))
	for i, m := range messages {
		records[i] = map[string]string{"eventSource": "aws:sqs", "messageId": m[0], "body": m[1]}
	}
	text, err := json.Marshal(map[string]any{"Records": records})
	if err != nil {
		t.Fatal(err)
	}
	answer, err := w.processor().Invoke(t.Context(), text)
	if err != nil {
		t.Fatal(err)
	}
	got, _ := json.Marshal(answer)
	want := `{"batchItemFailures":[{"itemIdentifier":"down"},{"itemIdentifier":"words"},{"itemIdentifier":"empty"},{"itemIdentifier":"subscription"}]}`
	if string(got) != want {
		t.Errorf("answer %s, want %s", got, want)
	}
	if w.rows[key].Rows != 1 || w.rows[wrapped].Rows != 1 || w.rows["incoming/a/readme.txt"].Reason == "" {
		t.Errorf("rows %+v", w.rows)
	}
}

// TestDirectEvent wants no answer to what S3 sends itself, and an error to make
// it come again.
func TestDirectEvent(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.put(key, []byte("2026-03-01 12:10:00,1\n"))
	w.fails["open"] = 1
	if _, err := w.processor().Invoke(t.Context(), []byte(raw(key))); err == nil || !strings.Contains(err.Error(), key) {
		t.Errorf("got %v", err)
	}
	if answer, err := w.processor().Invoke(t.Context(), []byte(raw(key))); answer != nil || err != nil {
		t.Errorf("got %v, %v", answer, err)
	}
	if _, err := w.processor().Invoke(t.Context(), []byte(`{"Service":"Amazon S3","Event":"s3:TestEvent"}`)); err != nil {
		t.Errorf("S3's test: %v", err)
	}
	for _, unknown := range []string{`{}`, `[]`, `{"Records":[]}`, `{"Records":[{"eventSource":"aws:kinesis"}]}`} {
		if _, err := w.processor().Invoke(t.Context(), []byte(unknown)); err == nil {
			t.Errorf("%s was taken", unknown)
		}
	}
}
