package main

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"sensor-backend/services/internal/awsconf"
	"sensor-backend/services/internal/httpapi"
	"sensor-backend/services/internal/store"
	"sensor-backend/services/internal/warehouse"
)

// dependencies are what the environment switches on; nil is off.
type dependencies struct {
	db      *warehouse.Warehouse
	inbox   httpapi.Inbox
	catalog httpapi.Catalog
}

// connect sets up clients; it waits for none of them.
func connect(ctx context.Context, cfg config) (*dependencies, error) {
	d := &dependencies{}
	if cfg.databaseURL != "" {
		db, err := warehouse.Open(ctx, cfg.databaseURL)
		if err != nil {
			return nil, err
		}
		d.db = db
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

// warehouse keeps a nil *Warehouse from becoming a non-nil interface.
func (d *dependencies) warehouse() httpapi.Warehouse {
	if d.db == nil {
		return nil
	}
	return d.db
}

func (d *dependencies) close() {
	if d.db != nil {
		d.db.Close()
	}
}
