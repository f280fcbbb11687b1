package main

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"sensor-backend/services/internal/awsconf"
	"sensor-backend/services/internal/httpapi"
	"sensor-backend/services/internal/ingest"
	"sensor-backend/services/internal/metrics"
	"sensor-backend/services/internal/reading"
	"sensor-backend/services/internal/store"
	"sensor-backend/services/internal/warehouse"
)

// dependencies are what the environment switches on; nil is off.
type dependencies struct {
	db      *warehouse.Warehouse
	queue   *ingest.Queue
	inbox   httpapi.Inbox
	catalog httpapi.Catalog
	metrics *metrics.Metrics
}

// connect sets up clients; it waits for none of them.
func connect(ctx context.Context, cfg config) (*dependencies, error) {
	d := &dependencies{metrics: metrics.New()}
	if cfg.databaseURL != "" {
		db, err := warehouse.Open(ctx, cfg.databaseURL)
		if err != nil {
			return nil, err
		}
		d.db = db
		d.queue = ingest.New(db, ingest.Default())
		d.metrics.Pool(db.Stat)
	}
	if cfg.sourceBucket == "" && cfg.metadataTable == "" {
		return d, nil
	}
	if err := d.connectAWS(ctx, cfg); err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}

func (d *dependencies) connectAWS(ctx context.Context, cfg config) error {
	aws, err := awsconf.Load(ctx)
	if err != nil {
		return err
	}
	if cfg.sourceBucket != "" {
		client, err := awsconf.S3(aws)
		if err != nil {
			return err
		}
		d.inbox = store.NewBucket(client, cfg.sourceBucket)
	}
	if cfg.metadataTable != "" {
		d.catalog = store.NewTable(dynamodb.NewFromConfig(aws), cfg.metadataTable)
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

// warehouse keeps a nil *Warehouse from becoming a non-nil interface.
func (d *dependencies) warehouse() httpapi.Warehouse {
	if d.db == nil {
		return nil
	}
	return queued{d.db, d.queue}
}

// close ends the writers and then the connections they use. No request may
// run any more.
func (d *dependencies) close() {
	if d.db != nil {
		d.queue.Close()
		d.db.Close()
	}
}
