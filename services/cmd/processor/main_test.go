package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"sensor-backend/services/internal/generate"
	"sensor-backend/services/internal/tracing/tracetest"
)

// TestMain lets the test binary be the processor itself, for TestLambda.
func TestMain(m *testing.M) {
	if os.Getenv("AWS_LAMBDA_RUNTIME_API") != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// TestLambda runs the processor as Lambda does: a process that asks the
// Runtime API for events and calls AWS over HTTP.
func TestLambda(t *testing.T) {
	t.Parallel()
	aws := &fakeAWS{file: generatedFile()}
	collector := tracetest.Start(t)
	answer, log := invoke(t, aws, "OTEL_EXPORTER_OTLP_ENDPOINT="+collector.URL)
	if answer != "response null" {
		t.Errorf("answer %q, want success", answer)
	}
	want := []string{
		"GET /source/incoming/boiler 7+8/day 1.csv",
		"DynamoDB_20120810.GetItem", // a claim there may be
		"DynamoDB_20120810.PutItem", // the claim
		"DynamoDB_20120810.GetItem", // the row there may be
		"DynamoDB_20120810.GetItem", // what is known of the series
		"DynamoDB_20120810.PutItem",
		"PUT /processed/processed/boiler 7+8/day 1.csv.ndjson.gz",
		"sns PublishBatch",
		"DynamoDB_20120810.PutItem", // the claim, alerted
		"DynamoDB_20120810.PutItem",
		"DynamoDB_20120810.PutItem", // the claim, given back
	}
	if got := aws.seen(); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("AWS was called\n%s\nwant\n%s\nlog: %s", strings.Join(got, "\n"), strings.Join(want, "\n"), log)
	}
	// They have arrived before the answer: afterwards Lambda lets nothing run.
	if got := collector.Spans(nil)["process file"]; got.Trace != "5759e988bd862e3fe1be46a994272793" || got.Parent != "53995c3f42cd8ad8" {
		t.Errorf("span %+v", got)
	}
	if !strings.Contains(log, `"msg":"object processed"`) {
		t.Errorf("log %s", log)
	}
}

// TestThrottled has each service turn away what is asked of it, once and then
// for good.
func TestThrottled(t *testing.T) {
	t.Parallel()
	for _, call := range []string{"DynamoDB_20120810.GetItem", "DynamoDB_20120810.PutItem", "sns PublishBatch", "PUT /processed/processed/boiler 7+8/day 1.csv.ndjson.gz"} {
		t.Run(call, func(t *testing.T) {
			t.Parallel()
			aws := &fakeAWS{file: generatedFile(), throttled: map[string]int{call: 1}}
			if answer, log := invoke(t, aws); answer != "response null" {
				t.Errorf("turned away once: %s, log %s", answer, log)
			}
			aws = &fakeAWS{file: generatedFile(), throttled: map[string]int{call: 1000}}
			// The event comes again: Lambda sees to that.
			if answer, log := invoke(t, aws); !strings.HasPrefix(answer, "error ") || !strings.Contains(strings.ToLower(answer), "slow down") {
				t.Errorf("turned away for good: %s, log %s", answer, log)
			}
		})
	}
}

// invoke runs the processor for one event, and returns what it answered and
// logged.
func invoke(t *testing.T, aws *fakeAWS, environment ...string) (answer, logged string) {
	t.Helper()
	awsServer := httptest.NewServer(aws)
	defer awsServer.Close()
	const event = `{"Records":[{"eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"source"},
		"object":{"key":"incoming/boiler+7%2B8/day+1.csv","sequencer":"0A"}}}]}`
	runtime := &fakeRuntime{events: make(chan string, 1), answers: make(chan string, 1)}
	runtime.events <- event
	runtimeServer := httptest.NewServer(runtime)
	defer runtimeServer.Close()

	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	process := exec.CommandContext(ctx, os.Args[0])
	process.Env = append(settings(), "AWS_LAMBDA_RUNTIME_API="+strings.TrimPrefix(runtimeServer.URL, "http://"), "AWS_ENDPOINT_URL="+awsServer.URL)
	process.Env = append(process.Env, environment...)
	var log bytes.Buffer
	process.Stdout, process.Stderr = &log, &log
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan struct{})
	go func() {
		defer close(exited)
		_ = process.Wait()
	}()
	select {
	case answer = <-runtime.answers:
	case <-exited:
		t.Fatalf("the processor ended: %s", log.String())
	}
	cancel()
	<-exited
	return answer, log.String()
}

// settings are what the processor needs in its environment.
func settings() []string {
	return []string{
		"AWS_S3_USE_PATH_STYLE=true", "AWS_REGION=eu-west-1", "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test",
		"PROCESSED_BUCKET=processed", "METADATA_TABLE=objects", "ALERTS_TOPIC_ARN=arn:aws:sns:eu-west-1:0:alerts",
	}
}

func generatedFile() string {
	var b strings.Builder
	for _, p := range generate.Points(generate.Options{
		Seed: 1, Count: 1000, Interval: time.Minute, Start: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
	}) {
		fmt.Fprintf(&b, "%s,%v\n", p.Time.Format(time.RFC3339), p.Value)
	}
	return b.String()
}

// fakeRuntime is Lambda's Runtime API: it hands out events and takes answers.
type fakeRuntime struct {
	events  chan string
	answers chan string
}

func (f *fakeRuntime) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		select {
		case event := <-f.events:
			w.Header().Set("Lambda-Runtime-Aws-Request-Id", "1")
			w.Header().Set("Lambda-Runtime-Trace-Id", "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1")
			w.Header().Set("Lambda-Runtime-Deadline-Ms", fmt.Sprint(time.Now().Add(time.Minute).UnixMilli()))
			_, _ = io.WriteString(w, event)
		case <-r.Context().Done():
		}
		return
	}
	body, _ := io.ReadAll(r.Body)
	w.WriteHeader(http.StatusAccepted)
	f.answers <- r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:] + " " + string(body)
}

// fakeAWS answers the calls of one run and remembers them.
type fakeAWS struct {
	file      string
	throttled map[string]int // how often a call is turned away

	mu    sync.Mutex
	calls []string
}

func (f *fakeAWS) seen() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls
}

func (f *fakeAWS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	call, answer := r.Method+" "+r.URL.Path, ""
	switch target := r.Header.Get("X-Amz-Target"); {
	case target != "":
		call, answer = target, "{}"
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	case bytes.Contains(body, []byte("Action=PublishBatch")):
		call = "sns PublishBatch"
		answer = `<PublishBatchResponse><PublishBatchResult><Failed/><Successful/></PublishBatchResult></PublishBatchResponse>`
	case r.Method == http.MethodGet:
		w.Header().Set("ETag", `"e"`)
		answer = f.file
	}
	f.mu.Lock()
	f.calls = append(f.calls, call)
	throttle := f.throttled[call] > 0
	if throttle {
		f.throttled[call]--
	}
	f.mu.Unlock()
	switch {
	case !throttle:
	case strings.HasPrefix(call, "DynamoDB"):
		w.WriteHeader(http.StatusBadRequest)
		answer = `{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException","message":"slow down"}`
	case strings.HasPrefix(call, "sns"):
		w.WriteHeader(http.StatusBadRequest)
		answer = `<ErrorResponse><Error><Type>Sender</Type><Code>Throttling</Code><Message>slow down</Message></Error></ErrorResponse>`
	default:
		w.WriteHeader(http.StatusServiceUnavailable)
		answer = `<Error><Code>SlowDown</Code><Message>slow down</Message></Error>`
	}
	_, _ = io.WriteString(w, answer)
}

func TestBuildNamesEverythingMissing(t *testing.T) {
	t.Parallel()
	_, err := build(t.Context(), func(string) string { return "" }, slog.New(slog.DiscardHandler))
	for _, name := range []string{"PROCESSED_BUCKET", "METADATA_TABLE", "ALERTS_TOPIC_ARN"} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%v does not name %s", err, name)
		}
	}
}
