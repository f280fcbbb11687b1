package lambda

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"testing"

	"sensor-backend/emulator/awsapi"
)

// fakeMoto keeps functions in memory and notes what is called.
type fakeMoto struct {
	mu sync.Mutex
	// answers are by method and path, or by target.
	answers map[string]any
	// code is by version.
	code map[string][]byte
	// sent are the messages to queues and topics.
	sent chan string
	logs []string
}

func newFakeMoto() *fakeMoto {
	return &fakeMoto{answers: map[string]any{}, code: map[string][]byte{}, sent: make(chan string, 10)}
}

// put makes a version of the function "f".
func (f *fakeMoto) put(version string, code []byte, more map[string]any) {
	c := map[string]any{
		"FunctionName": "f", "FunctionArn": "arn:aws:lambda:eu-central-1:123456789012:function:f:" + version,
		"Version": version, "CodeSha256": version, "Timeout": 5, "MemorySize": 128, "RevisionId": "r" + version,
	}
	for name, value := range more {
		c[name] = value
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answers["GET /2015-03-31/functions/f?Qualifier="+url.QueryEscape(version)] = map[string]any{"Configuration": c}
	f.code[version] = code
}

func (f *fakeMoto) answer(key string, out any) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	found, ok := f.answers[key]
	if !ok {
		return awsapi.Errorf("ResourceNotFoundException", "nothing at %s", key)
	}
	raw, err := json.Marshal(found)
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, out)
}

func (f *fakeMoto) JSON(_ context.Context, _, target string, in, _ any) error {
	raw, err := json.Marshal(in)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	switch target {
	case "AmazonSQS.SendMessage":
		f.sent <- string(raw)
	case "Logs_20140328.PutLogEvents":
		f.logs = append(f.logs, string(raw))
	}
	return nil
}

func (f *fakeMoto) logged(text string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Contains(strings.Join(f.logs, "\n"), text)
}

func (f *fakeMoto) REST(_ context.Context, method, _, _, path string, _, out any) error {
	return f.answer(method+" "+path, out)
}

func (f *fakeMoto) Get(_ context.Context, _, _, path string) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.code[path[strings.LastIndexByte(path, '/')+1:]], nil
}

func (f *fakeMoto) Form(_ context.Context, _, _ string, values url.Values) ([]byte, error) {
	f.sent <- values.Encode()
	return nil, nil
}

func newService(t *testing.T, moto Moto) *Service {
	t.Helper()
	s := New(Config{Moto: moto, Dir: t.TempDir(), Endpoint: "http://localhost:1", Speed: 6000, Log: slog.New(slog.DiscardHandler)})
	t.Cleanup(s.Close)
	return s
}
