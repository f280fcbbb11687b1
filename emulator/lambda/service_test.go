package lambda

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"sensor-backend/emulator/internal/testimage"
)

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root may run a function in a file system of its own")
	}
}

var f = Name{Region: "eu-central-1", Function: "f"}

func TestInvoke(t *testing.T) {
	needRoot(t)
	program := testimage.Binary(t)
	moto := newFakeMoto()
	moto.put(latest, testimage.Function(t, program, "a"), map[string]any{
		"Environment": map[string]any{"Variables": map[string]string{"GREETING": "hello"}},
	})
	moto.put("1", testimage.Function(t, program, "a"), map[string]any{"Timeout": 1})
	moto.put("2", testimage.Function(t, program, "b"), nil)
	moto.put("3", []byte("no zip"), nil)
	moto.put("4", testimage.Function(t, program, "a"), map[string]any{
		"Environment": map[string]any{"Variables": map[string]string{"PANIC": "cannot start"}},
	})
	moto.answers["GET /2015-03-31/functions/f/aliases/LIVE"] = map[string]any{
		"FunctionVersion": "1", "RoutingConfig": map[string]any{"AdditionalVersionWeights": map[string]float64{"2": 0.25}},
	}
	s := newService(t, moto)

	t.Run("answers", func(t *testing.T) {
		var answer struct {
			Version, Greeting string
			Event             struct{ N int }
		}
		result := invoke(t, s, f, `{"n":7}`)
		if err := json.Unmarshal(result.Payload, &answer); err != nil {
			t.Fatalf("%v in %s", err, result.Payload)
		}
		if result.Failed || result.Version != latest || answer.Version != latest || answer.Greeting != "hello" || answer.Event.N != 7 {
			t.Errorf("got %+v %+v", result, answer)
		}
		tail := string(result.LogTail)
		for _, want := range []string{"START RequestId: " + result.RequestID, "END RequestId: ", "REPORT RequestId: "} {
			if !strings.Contains(tail, want) {
				t.Errorf("the log's end lacks %q: %s", want, tail)
			}
		}
	})
	t.Run("by the alias's weights", func(t *testing.T) {
		for draw, want := range map[float64]string{0.1: "2", 0.3: "1"} {
			s.draw = func() float64 { return draw }
			name := f
			name.Qualifier = "LIVE"
			if got := invoke(t, s, name, `{}`).Version; got != want {
				t.Errorf("a draw of %v ran version %s, want %s", draw, got, want)
			}
		}
	})
	t.Run("says that the function failed", func(t *testing.T) {
		result := invoke(t, s, f, `{"fail":true}`)
		if !result.Failed || !strings.Contains(string(result.Payload), "failed as asked") {
			t.Errorf("got %+v %s", result, result.Payload)
		}
	})
	t.Run("says that it crashed, and starts it anew", func(t *testing.T) {
		result := invoke(t, s, f, `{"crash":true}`)
		if !result.Failed || !strings.Contains(string(result.Payload), "Runtime.ExitError") {
			t.Errorf("got %+v %s", result, result.Payload)
		}
		if again := invoke(t, s, f, `{}`); again.Failed {
			t.Errorf("after a crash: %s", again.Payload)
		}
	})
	t.Run("shows why it does not start", func(t *testing.T) {
		name := f
		name.Qualifier = "4"
		result := invoke(t, s, name, `{}`)
		if !result.Failed || !strings.Contains(string(result.Payload), "Runtime.ExitError") || !strings.Contains(string(result.LogTail), "panic: cannot start") {
			t.Errorf("got %+v %s %s", result, result.Payload, result.LogTail)
		}
	})
	t.Run("ends what takes too long", func(t *testing.T) {
		name := f
		name.Qualifier = "1"
		result := invoke(t, s, name, `{"hang":true}`)
		if !result.Failed || !strings.Contains(string(result.Payload), "timed out after 1.00 seconds") {
			t.Errorf("got %+v %s", result, result.Payload)
		}
	})
	t.Run("refuses what is not a zip", func(t *testing.T) {
		name := f
		name.Qualifier = "3"
		if _, err := s.Invoke(t.Context(), name, nil); err == nil || !strings.Contains(err.Error(), "read the zip") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("carries the output to the log group", func(t *testing.T) {
		s.Close()
		if !moto.logged("/aws/lambda/f") || !moto.logged("START RequestId") {
			t.Error("nothing was logged")
		}
	})
}

func TestEnqueueRetriesAndTellsDestinations(t *testing.T) {
	needRoot(t)
	moto := newFakeMoto()
	moto.put(latest, testimage.Function(t, testimage.Binary(t), "a"), map[string]any{
		"DeadLetterConfig": map[string]string{"TargetArn": "arn:aws:sqs:eu-central-1:123456789012:dead"},
	})
	moto.answers["GET /2019-09-25/functions/f/event-invoke-config"] = map[string]any{
		"MaximumRetryAttempts": 1,
		"DestinationConfig": map[string]any{
			"OnFailure": map[string]string{"Destination": "arn:aws:sqs:eu-central-1:123456789012:failed"},
			"OnSuccess": map[string]string{"Destination": "arn:aws:sns:eu-central-1:123456789012:good"},
		},
	}
	s := newService(t, moto)
	if _, err := s.Enqueue(t.Context(), f, []byte(`{"fail":true}`)); err != nil {
		t.Fatal(err)
	}
	failed := receive(t, moto)
	for _, want := range []string{"/123456789012/failed", "RetriesExhausted", `approximateInvokeCount\":2`, "failed as asked"} {
		if !strings.Contains(failed, want) {
			t.Errorf("the failure destination was not told %s: %s", want, failed)
		}
	}
	if dead := receive(t, moto); !strings.Contains(dead, "/123456789012/dead") || !strings.Contains(dead, `{\"fail\":true}`) {
		t.Errorf("the dead-letter queue got %s", dead)
	}
	if _, err := s.Enqueue(t.Context(), f, []byte(`{}`)); err != nil {
		t.Fatal(err)
	}
	if good := receive(t, moto); !strings.Contains(good, "Success") || !strings.Contains(good, "good") {
		t.Errorf("the success destination got %s", good)
	}
	missing := f
	missing.Function = "g"
	if _, err := s.Enqueue(t.Context(), missing, nil); err == nil {
		t.Error("an event for a missing function was taken")
	}
}

func receive(t *testing.T, moto *fakeMoto) string {
	t.Helper()
	select {
	case message := <-moto.sent:
		return message
	case <-time.After(20 * time.Second):
		t.Fatal("no message arrived")
		return ""
	}
}

func invoke(t *testing.T, s *Service, name Name, payload string) Result {
	t.Helper()
	result, err := s.Invoke(t.Context(), name, []byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	return result
}
