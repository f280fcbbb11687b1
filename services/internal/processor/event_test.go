package processor_test

import (
	"encoding/json"
	"strings"
	"testing"

	"sensor-backend/services/internal/processor"
)

// TestQueue has a batch of messages of which some fail: only those come again.
func TestQueue(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.fails["open"] = 1
	body := func(e processor.Event) string {
		text, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	good := body(w.put(key, []byte("2026-03-01 12:10:00,1\n")))
	records := []map[string]string{
		{"eventSource": "aws:sqs", "messageId": "down", "body": body(w.put("incoming/a/1.csv", nil))},
		{"eventSource": "aws:sqs", "messageId": "good", "body": good},
		{"eventSource": "aws:sqs", "messageId": "poison", "body": "hello"},
		{"eventSource": "aws:sqs", "messageId": "test", "body": `{"Service":"Amazon S3","Event":"s3:TestEvent"}`},
	}
	text, err := json.Marshal(map[string]any{"Records": records})
	if err != nil {
		t.Fatal(err)
	}
	var batch processor.Event
	if err := json.Unmarshal(text, &batch); err != nil {
		t.Fatal(err)
	}
	answer, err := w.processor().Invoke(t.Context(), batch)
	if err != nil {
		t.Fatal(err)
	}
	got, _ := json.Marshal(answer)
	if want := `{"batchItemFailures":[{"itemIdentifier":"down"},{"itemIdentifier":"poison"}]}`; string(got) != want {
		t.Errorf("answer %s, want %s", got, want)
	}
	if w.rows[key].Rows != 1 {
		t.Errorf("rows %+v", w.rows)
	}
}

// TestDirectEvent wants no answer to what S3 sends itself, and an error to make
// it come again.
func TestDirectEvent(t *testing.T) {
	t.Parallel()
	w := newWorld()
	e := w.put(key, []byte("2026-03-01 12:10:00,1\n"))
	w.fails["open"] = 1
	if _, err := w.processor().Invoke(t.Context(), e); err == nil || !strings.Contains(err.Error(), key) && !strings.Contains(err.Error(), "boiler") {
		t.Errorf("got %v", err)
	}
	if answer, err := w.processor().Invoke(t.Context(), e); answer != nil || err != nil {
		t.Errorf("got %v, %v", answer, err)
	}
}
