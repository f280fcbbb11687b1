package lambda

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"sensor-backend/emulator/awsapi"
	"sensor-backend/emulator/internal/testimage"
)

// fakeRoles takes every role but "nobody", and lets it do all but what is denied.
type fakeRoles struct{ denied []string }

func (f fakeRoles) Take(_ context.Context, _, role, _, _ string) (Role, error) {
	if role == "nobody" {
		return nil, errors.New("not trusted")
	}
	return f, nil
}

func (fakeRoles) Keys() (key, secret, token string) { return "ASIA1", "s", "t" }

func (f fakeRoles) May(_ context.Context, action, _ string, _ map[string]string) error {
	if slices.Contains(f.denied, action) {
		return awsapi.Errorf("AccessDeniedException", "not authorized to perform: %s", action)
	}
	return nil
}

// TestFunctionHasItsRole runs a function as its role, and without one right each.
func TestFunctionHasItsRole(t *testing.T) {
	needRoot(t)
	program := testimage.Binary(t)
	for _, tt := range []struct {
		name, role, denied string
		code               string // of the error; empty for a run
		logged             bool
	}{
		{"may all", "f", "", "", true},
		{"trusts nobody", "nobody", "", "AccessDeniedException", false},
		{"may not decrypt the environment", "f", "kms:Decrypt", "KMSAccessDeniedException", false},
		{"may not write the log", "f", "logs:PutLogEvents", "", false},
		{"may not trace", "f", "xray:PutTraceSegments", "", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			moto := newFakeMoto()
			moto.put(latest, testimage.Function(t, program, "a"), map[string]any{
				"Role": tt.role, "KMSKeyArn": "arn:key", "TracingConfig": map[string]string{"Mode": "Active"},
				"Environment": map[string]any{"Variables": map[string]string{"GREETING": "hello"}},
			})
			s := newService(t, moto)
			s.config.Roles = fakeRoles{denied: []string{tt.denied}}
			result, err := s.Invoke(t.Context(), f, []byte(`{}`))
			if tt.code != "" {
				if !awsapi.IsCode(err, tt.code) {
					t.Errorf("got %v, want %s", err, tt.code)
				}
				return
			}
			if err != nil || result.Failed || !strings.Contains(string(result.Payload), "hello") {
				t.Fatalf("got %s, %v", result.Payload, err)
			}
			s.Close()
			if moto.logged("START RequestId") != tt.logged {
				t.Errorf("logged %v", !tt.logged)
			}
		})
	}
}

func TestKeysOfAFunction(t *testing.T) {
	t.Parallel()
	if got := strings.Join(keys(fakeRoles{}), " "); got != "AWS_ACCESS_KEY_ID=ASIA1 AWS_SECRET_ACCESS_KEY=s AWS_SESSION_TOKEN=t" {
		t.Errorf("got %s", got)
	}
}

// TestFailedEventNeedsTheRight sends a failed event only if the role may.
func TestFailedEventNeedsTheRight(t *testing.T) {
	t.Parallel()
	const queue = "arn:aws:sqs:eu-central-1:123456789012:failed"
	moto := newFakeMoto()
	moto.put(latest, nil, map[string]any{"Role": "f"})
	s := newService(t, moto)
	for denied, want := range map[string]int{"sqs:SendMessage": 0, "": 1} {
		s.config.Roles = fakeRoles{denied: []string{denied}}
		s.send(t.Context(), f, queue, []byte("event"))
		if got := len(moto.sent); got != want {
			t.Errorf("without %q %d messages are sent", denied, got)
		}
		for len(moto.sent) > 0 {
			<-moto.sent
		}
	}
}
