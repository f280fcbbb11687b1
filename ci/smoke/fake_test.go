package smoke

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamotypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// fake is a small system that works, with a switch for each way in which a
// test wants it not to.
type fake struct {
	warehouse           bool
	commit, digest      string
	version             string
	notReady, forgetful bool
	loseOne, changeOne  bool
	noRow, shortObject  bool
	silent, noObject    bool
	status              string
	anomalies           int
	putError            error
	// busy is how many posts it puts off, down the answer when it does not work.
	busy                  int
	down                  bool
	queueOpen, subscribed bool

	url string

	mu       sync.Mutex
	readings map[time.Time]reading
	key      string
	file     []byte
}

func newFake(t *testing.T, warehouse bool) *fake {
	t.Helper()
	f := &fake{
		warehouse: warehouse, version: "v", commit: "c1", digest: "sha256:d1", status: "processed", anomalies: 1,
		readings: map[time.Time]reading{},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if f.notReady {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	mux.HandleFunc("GET /version", func(w http.ResponseWriter, _ *http.Request) {
		write(w, map[string]string{"version": f.version, "commit": f.commit, "image_digest": f.digest})
	})
	mux.HandleFunc("POST /v1/readings", f.post)
	mux.HandleFunc("GET /v1/readings", f.get)
	mux.HandleFunc("GET /v1/objects/{key...}", f.object)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	f.url = server.URL
	return f
}

func (f *fake) system() System {
	return System{
		URL: f.url, HTTP: http.DefaultClient, Version: "v", Commit: "c1", Digest: "sha256:d1", Warehouse: f.warehouse,
		SourceBucket: "source", ProcessedBucket: "processed", MetadataTable: "metadata", AlertsTopic: "arn:topic",
		Objects: f, Rows: f, Topics: f, Queues: f,
	}
}

func write(w http.ResponseWriter, answer any) {
	// The test sees a broken answer as one that does not decode.
	_ = json.NewEncoder(w).Encode(answer)
}

func (f *fake) post(w http.ResponseWriter, r *http.Request) {
	var body struct{ Readings []reading }
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.busy > 0 || f.down {
		f.busy--
		if !f.down {
			w.Header().Set("Retry-After", "0")
		}
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	accepted := 0
	for _, one := range body.Readings {
		if _, there := f.readings[one.Timestamp]; !there || f.forgetful {
			accepted++
		}
		f.readings[one.Timestamp] = one
	}
	w.WriteHeader(http.StatusAccepted)
	write(w, map[string]int{"accepted": accepted, "duplicates": len(body.Readings) - accepted})
}

// get answers two readings a page; the cursor is the number of those before.
func (f *fake) get(w http.ResponseWriter, r *http.Request) {
	if !f.warehouse {
		http.Error(w, "the warehouse is off", http.StatusNotImplemented)
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	all, err := parse([]byte(file), r.URL.Query().Get("sensor_id"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	if f.loseOne {
		all = all[:len(all)-1]
	}
	if f.changeOne {
		all[0].Value++
	}
	from, _ := strconv.Atoi(r.URL.Query().Get("cursor"))
	to := min(from+2, len(all))
	answer := map[string]any{"readings": all[from:to]}
	if to < len(all) {
		answer["next_cursor"] = strconv.Itoa(to)
	}
	write(w, answer)
}

func (f *fake) object(w http.ResponseWriter, r *http.Request) {
	if f.noObject {
		http.NotFound(w, r)
		return
	}
	write(w, map[string]any{"object_key": r.PathValue("key"), "rows": 4})
}

func (f *fake) PutObject(_ context.Context, in *s3.PutObjectInput, _ ...func(*s3.Options)) (*s3.PutObjectOutput, error) {
	if f.putError != nil {
		return nil, f.putError
	}
	if !f.subscribed {
		return nil, errors.New("nobody would hear the alert")
	}
	content, err := io.ReadAll(in.Body)
	f.key, f.file = *in.Key, content
	return &s3.PutObjectOutput{}, err
}

func (f *fake) GetObject(context.Context, *s3.GetObjectInput, ...func(*s3.Options)) (*s3.GetObjectOutput, error) {
	rows := strings.Count(string(f.file), "\n") - 1
	if f.shortObject {
		rows--
	}
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	_, _ = io.WriteString(zip, strings.Repeat("{\"sensor_id\":\"smoke-x1\"}\n", rows))
	_ = zip.Close()
	return &s3.GetObjectOutput{Body: io.NopCloser(&packed)}, nil
}

func (f *fake) GetItem(_ context.Context, in *dynamodb.GetItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	key := text(in.Key["object_key"])
	if f.noRow || key != f.key {
		return &dynamodb.GetItemOutput{}, nil
	}
	number := func(n int) dynamotypes.AttributeValue {
		return &dynamotypes.AttributeValueMemberN{Value: strconv.Itoa(n)}
	}
	return &dynamodb.GetItemOutput{Item: map[string]dynamotypes.AttributeValue{
		"object_key":    in.Key["object_key"],
		"status":        &dynamotypes.AttributeValueMemberS{Value: f.status},
		"processed_key": &dynamotypes.AttributeValueMemberS{Value: "processed/x"},
		"rows":          number(4), "anomalies": number(f.anomalies),
	}}, nil
}

func (f *fake) Subscribe(_ context.Context, in *sns.SubscribeInput, _ ...func(*sns.Options)) (*sns.SubscribeOutput, error) {
	if *in.Endpoint != "arn:queue" {
		return nil, errors.New("subscribed something else")
	}
	f.subscribed = true
	return &sns.SubscribeOutput{SubscriptionArn: aws.String("arn:subscription")}, nil
}

func (f *fake) Unsubscribe(context.Context, *sns.UnsubscribeInput, ...func(*sns.Options)) (*sns.UnsubscribeOutput, error) {
	f.subscribed = false
	return &sns.UnsubscribeOutput{}, nil
}

func (f *fake) CreateQueue(context.Context, *sqs.CreateQueueInput, ...func(*sqs.Options)) (*sqs.CreateQueueOutput, error) {
	f.queueOpen = true
	return &sqs.CreateQueueOutput{QueueUrl: aws.String("http://queue")}, nil
}

func (f *fake) SetQueueAttributes(_ context.Context, in *sqs.SetQueueAttributesInput, _ ...func(*sqs.Options)) (*sqs.SetQueueAttributesOutput, error) {
	if !strings.Contains(in.Attributes["Policy"], "arn:topic") {
		return nil, errors.New("the policy lets anyone in")
	}
	return &sqs.SetQueueAttributesOutput{}, nil
}

func (f *fake) GetQueueAttributes(context.Context, *sqs.GetQueueAttributesInput, ...func(*sqs.Options)) (*sqs.GetQueueAttributesOutput, error) {
	return &sqs.GetQueueAttributesOutput{Attributes: map[string]string{"QueueArn": "arn:queue"}}, nil
}

// ReceiveMessage gives an alert about another object first.
func (f *fake) ReceiveMessage(context.Context, *sqs.ReceiveMessageInput, ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error) {
	message := func(key string) sqstypes.Message {
		alert, _ := json.Marshal(map[string]string{"sensor_id": "smoke-x1", "object_key": key})
		body, _ := json.Marshal(map[string]string{"Message": string(alert)})
		return sqstypes.Message{Body: aws.String(string(body))}
	}
	out := &sqs.ReceiveMessageOutput{Messages: []sqstypes.Message{{Body: aws.String("no envelope")}, message("other")}}
	if !f.silent {
		out.Messages = append(out.Messages, message(f.key))
	}
	return out, nil
}

func (f *fake) DeleteQueue(context.Context, *sqs.DeleteQueueInput, ...func(*sqs.Options)) (*sqs.DeleteQueueOutput, error) {
	f.queueOpen = false
	return &sqs.DeleteQueueOutput{}, nil
}
