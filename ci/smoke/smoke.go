// Package smoke proves with sensor readings that a deployed system works: the
// API behind its load balancer, and the processor behind its bucket. It uses
// the system as its users do and needs to know nothing of how it was deployed.
// Start with Run.
package smoke

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// Objects is what the checks ask of S3.
type Objects interface {
	PutObject(ctx context.Context, in *s3.PutObjectInput, opts ...func(*s3.Options)) (*s3.PutObjectOutput, error)
	GetObject(ctx context.Context, in *s3.GetObjectInput, opts ...func(*s3.Options)) (*s3.GetObjectOutput, error)
}

// Rows is what the checks ask of DynamoDB.
type Rows interface {
	GetItem(ctx context.Context, in *dynamodb.GetItemInput, opts ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
}

// Topics is what the checks ask of SNS.
type Topics interface {
	Subscribe(ctx context.Context, in *sns.SubscribeInput, opts ...func(*sns.Options)) (*sns.SubscribeOutput, error)
	Unsubscribe(ctx context.Context, in *sns.UnsubscribeInput, opts ...func(*sns.Options)) (*sns.UnsubscribeOutput, error)
}

// Queues is what the checks ask of SQS.
type Queues interface {
	CreateQueue(ctx context.Context, in *sqs.CreateQueueInput, opts ...func(*sqs.Options)) (*sqs.CreateQueueOutput, error)
	SetQueueAttributes(ctx context.Context, in *sqs.SetQueueAttributesInput, opts ...func(*sqs.Options)) (*sqs.SetQueueAttributesOutput, error)
	GetQueueAttributes(ctx context.Context, in *sqs.GetQueueAttributesInput, opts ...func(*sqs.Options)) (*sqs.GetQueueAttributesOutput, error)
	ReceiveMessage(ctx context.Context, in *sqs.ReceiveMessageInput, opts ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error)
	DeleteQueue(ctx context.Context, in *sqs.DeleteQueueInput, opts ...func(*sqs.Options)) (*sqs.DeleteQueueOutput, error)
}

// System is what is checked and how it is reached.
type System struct {
	// URL is the load balancer's address, such as http://name.elb.amazonaws.com.
	URL string
	// HTTP reaches it.
	HTTP *http.Client
	// Version, Commit and Digest are what /version must answer; an empty one is not
	// checked.
	Version, Commit, Digest string
	// Warehouse tells whether the API has one: without it a posted batch goes
	// to the processor and readings cannot be queried.
	Warehouse bool

	SourceBucket, ProcessedBucket, MetadataTable, AlertsTopic string

	Objects Objects
	Rows    Rows
	Topics  Topics
	Queues  Queues
}

// Check is one thing that was found to work.
type Check struct {
	Name    string
	Found   string
	Elapsed time.Duration
}

// Report lists the checks that passed, in the order they ran.
type Report []Check

// String gives the count and the last finding in one line.
func (r Report) String() string {
	return fmt.Sprintf("%d checks passed", len(r))
}

// Table gives one line for each check.
func (r Report) Table() string {
	var b strings.Builder
	for _, c := range r {
		_, _ = fmt.Fprintf(&b, "%-10s %5.1f s  %s\n", c.Name, c.Elapsed.Seconds(), c.Found)
	}
	return b.String()
}

// Options are what a run is made with.
type Options struct {
	// File is a sensor file, CSV with the header "timestamp,value", that holds
	// at least one anomaly.
	File []byte
	// ID makes this run's sensor and resources its own: lower-case letters and
	// digits.
	ID string
	// Timeout bounds each wait for something that happens behind a queue.
	Timeout time.Duration
	// Poll is the pause between two requests.
	Poll time.Duration
	// Progress receives a line for each check.
	Progress func(line string)
}

// Run makes the checks one after the other and stops at the first that fails:
// the error names it, and the report holds those that passed before.
func Run(ctx context.Context, system System, o Options) (Report, error) {
	sensor := "smoke-" + o.ID
	readings, err := parse(o.File, sensor)
	if err != nil {
		return nil, err
	}
	r := runner{System: system, Options: o, sensor: sensor, readings: readings}
	checks := []struct {
		name string
		run  func(context.Context) (string, error)
	}{
		{"health", r.health},
		{"version", r.version},
		{"ingest", r.ingest},
		{"query", r.query},
		{"file", r.file},
	}
	var report Report
	for _, check := range checks {
		start := time.Now()
		found, err := check.run(ctx)
		if err != nil {
			return report, fmt.Errorf("smoke check %s: %w", check.name, err)
		}
		done := Check{check.name, found, time.Since(start)}
		report = append(report, done)
		o.Progress(check.name + ": " + found)
	}
	return report, nil
}

// runner carries one run.
type runner struct {
	System
	Options
	sensor   string
	readings []reading
}

// await asks until get has an answer or the time is up; the error then says
// what was waited for and why it is not there.
func (r runner) await(ctx context.Context, what string, get func(context.Context) (found bool, err error)) error {
	ctx, cancel := context.WithTimeout(ctx, r.Timeout)
	defer cancel()
	var last error
	for {
		found, err := get(ctx)
		if found {
			return nil
		}
		if err != nil && ctx.Err() == nil {
			last = err
		}
		select {
		case <-ctx.Done():
			if last != nil {
				return fmt.Errorf("%s did not appear within %s: %w", what, r.Timeout, last)
			}
			return fmt.Errorf("%s did not appear within %s", what, r.Timeout)
		case <-time.After(r.Poll):
		}
	}
}
