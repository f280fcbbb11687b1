package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"sensor-backend/services/internal/awsconf"
	"sensor-backend/services/internal/httpapi"
	"sensor-backend/services/internal/ingest"
	"sensor-backend/services/internal/loader"
	"sensor-backend/services/internal/metrics"
	"sensor-backend/services/internal/reading"
	"sensor-backend/services/internal/store"
	"sensor-backend/services/internal/tracing"
	"sensor-backend/services/internal/warehouse"
)

// dependencies are what the environment switches on; nil is off.
type dependencies struct {
	db      *warehouse.Warehouse
	queue   *ingest.Queue
	inbox   httpapi.Inbox
	catalog httpapi.Catalog
	rows    loader.Rows
	loads   loader.Queue // nil loads no files
	objects loader.Source
	metrics *metrics.Metrics
	tracer  *tracing.Tracer
}

// connect sets up clients; it waits for none of them.
func connect(ctx context.Context, cfg config, log *slog.Logger) (*dependencies, error) {
	tracer, err := tracing.New(ctx, cfg.tracing, "sensor-api", version, log)
	if err != nil {
		return nil, err
	}
	d := &dependencies{metrics: metrics.New(), tracer: tracer}
	if cfg.databaseURL != "" {
		db, err := openWarehouse(ctx, cfg, tracer)
		if err != nil {
			d.close(ctx)
			return nil, err
		}
		d.db = db
		options := ingest.Default()
		options.Tracer = tracer
		d.queue = ingest.New(db, options)
		d.metrics.Pool(db.Stat)
	}
	if cfg.sourceBucket == "" && cfg.metadataTable == "" && cfg.loadQueue == "" {
		return d, nil
	}
	if err := d.connectAWS(ctx, cfg); err != nil {
		d.close(ctx)
		return nil, err
	}
	return d, nil
}

// openWarehouse sets up the warehouse: a Redshift's when there is a bucket to
// load it through, and a PostgreSQL's without.
func openWarehouse(ctx context.Context, cfg config, tracer *tracing.Tracer) (*warehouse.Warehouse, error) {
	options := warehouse.Options{Tracer: tracer}
	if cfg.stagingBucket != "" {
		aws, err := awsconf.Load(ctx)
		if err != nil {
			return nil, err
		}
		client, err := awsconf.S3(aws)
		if err != nil {
			return nil, err
		}
		options.Staging = &warehouse.Staging{
			Bucket: cfg.stagingBucket, Objects: store.NewBucket(client, cfg.stagingBucket), Role: cfg.copyRole,
		}
	}
	return warehouse.Open(ctx, cfg.databaseURL, options)
}

func (d *dependencies) connectAWS(ctx context.Context, cfg config) error {
	settings, err := awsconf.Load(ctx)
	if err != nil {
		return err
	}
	client, err := awsconf.S3(settings)
	if err != nil {
		return err
	}
	if cfg.sourceBucket != "" {
		d.inbox = store.NewBucket(client, cfg.sourceBucket)
	}
	if cfg.metadataTable != "" {
		table := store.NewTable(dynamodb.NewFromConfig(settings), cfg.metadataTable)
		d.catalog, d.rows = table, table
	}
	if cfg.loadQueue != "" {
		d.loads, d.objects = store.NewQueue(sqs.NewFromConfig(settings), cfg.loadQueue), store.NewReader(client)
	}
	return nil
}

// queued is a warehouse whose inserts go through the queue.
type queued struct {
	*warehouse.Warehouse
	queue *ingest.Queue
}

// Insert stores the readings together with those of other requests.
func (q queued) Insert(ctx context.Context, readings []reading.Reading) (warehouse.Stored, error) {
	return q.queue.Insert(ctx, readings)
}

// InsertOnce stores a request together with those of others.
func (q queued) InsertOnce(ctx context.Context, once warehouse.Once, readings []reading.Reading,
	answer func(warehouse.Stored) ([]byte, error),
) ([]byte, bool, error) {
	return q.queue.InsertOnce(ctx, once, readings, answer)
}

// warehouse keeps a nil *Warehouse from becoming a non-nil interface.
func (d *dependencies) warehouse() httpapi.Warehouse {
	if d.db == nil {
		return nil
	}
	return queued{d.db, d.queue}
}

// close ends the writers and then the connections they use, and sends the last
// traces. No request may run any more.
func (d *dependencies) close(ctx context.Context) {
	if d.db != nil {
		d.queue.Close()
		d.db.Close()
	}
	const patience = 3 * time.Second
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	d.tracer.Close(ctx)
}
