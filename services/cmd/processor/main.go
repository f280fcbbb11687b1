// Command processor is the Lambda function that S3 calls for each sensor file.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strconv"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"sensor-backend/services/internal/awsconf"
	"sensor-backend/services/internal/parquet"
	"sensor-backend/services/internal/processor"
	"sensor-backend/services/internal/store"
	"sensor-backend/services/internal/tracing"
)

// Set by the linker.
var (
	version = "dev"
	commit  = "unknown"
)

func main() {
	log := slog.New(slog.NewJSONHandler(os.Stdout, nil)).With("version", version, "commit", commit)
	p, err := build(context.Background(), os.Getenv, log)
	if err != nil {
		log.Error("not started", "error", err)
		os.Exit(1)
	}
	lambda.Start(traced(p))
}

// traced lets an invocation go on with the trace that Lambda names, and sends
// its spans before it ends: afterwards Lambda lets the process sleep.
func traced(p *processor.Processor) func(context.Context, json.RawMessage) (*events.SQSEventResponse, error) {
	return func(ctx context.Context, event json.RawMessage) (*events.SQSEventResponse, error) {
		const patience = time.Second
		header, _ := ctx.Value("x-amzn-trace-id").(string) // set by the Lambda library
		defer func() {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
			defer cancel()
			p.Tracer.Flush(ctx)
		}()
		return p.Invoke(p.Tracer.FromXRay(ctx, header), event)
	}
}

// build connects the processor to AWS; every missing setting is named at once.
func build(ctx context.Context, getenv func(string) string, log *slog.Logger) (*processor.Processor, error) {
	var errs []error
	setting := func(name string) string {
		value := getenv(name)
		if value == "" {
			errs = append(errs, fmt.Errorf("%s is not set", name))
		}
		return value
	}
	bucket, table, topic := setting("PROCESSED_BUCKET"), setting("METADATA_TABLE"), setting("ALERTS_TOPIC_ARN")
	tables, err := strconv.ParseBool(cmp.Or(getenv("PARQUET"), "false"))
	if err != nil {
		errs = append(errs, fmt.Errorf("PARQUET is %q, expected true or false", getenv("PARQUET")))
	}
	traces, err := tracing.ReadConfig(getenv)
	if err := errors.Join(append(errs, err)...); err != nil {
		return nil, err
	}
	tracer, err := tracing.New(ctx, traces, "sensor-processor", version, log)
	if err != nil {
		return nil, err
	}
	cfg, err := awsconf.Load(ctx)
	if err != nil {
		return nil, err
	}
	objects, err := awsconf.S3(cfg)
	if err != nil {
		return nil, err
	}
	rows := store.NewTable(dynamodb.NewFromConfig(cfg), table)
	p := &processor.Processor{
		Source:  store.NewReader(objects),
		Sink:    store.NewBucket(objects, bucket),
		Catalog: rows,
		Claims:  rows,
		States:  rows,
		Alerts:  store.NewTopic(sns.NewFromConfig(cfg), topic),
		Page:    getenv("PAGE_URL"),
		Pause:   processor.Backoff,
		Owner:   invocation,
		Tracer:  tracer,
		Now:     time.Now,
		Log:     log,
	}
	if tables {
		p.Parquet = func(to io.Writer) processor.Form { return parquet.New(to) }
	}
	return p, nil
}

// invocation is Lambda's name of an invocation, which it keeps when it tries
// an event again.
func invocation(ctx context.Context) string {
	if called, ok := lambdacontext.FromContext(ctx); ok {
		return called.AwsRequestID
	}
	return "unknown"
}
