package warehouse

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"sensor-backend/services/internal/reading"
)

// Staging is where batches lie for Redshift to load: it has no COPY FROM STDIN.
type Staging struct {
	Bucket  string
	Objects Objects // of that bucket
	Role    string  // ARN of the role that Redshift reads the bucket with

	load func(ctx context.Context, tx pgx.Tx, key string) error // in place of COPY, for tests
}

// Objects stores objects.
type Objects interface {
	Put(ctx context.Context, key, contentType string, body []byte) error
}

// The statements around COPY, all of which PostgreSQL understands too. The
// readings that were there before are taken out of what is offered, and the
// rest is inserted.
const (
	// Redshift declares a primary key but does not enforce it, and its snapshot
	// isolation lets two transactions insert the same reading. So writers take
	// turns, before their snapshot is taken; who reads does not wait.
	redshiftTurn  = `LOCK TABLE ingest_turn`
	redshiftMake  = `CREATE TEMP TABLE offered (LIKE readings)`
	redshiftKnown = `SELECT n.sensor_id, n.ts, n.metric FROM offered n
		JOIN readings r ON r.sensor_id = n.sensor_id AND r.ts = n.ts AND r.metric = n.metric`
	redshiftTakeOut = `DELETE FROM offered USING readings r
		WHERE r.sensor_id = offered.sensor_id AND r.ts = offered.ts AND r.metric = offered.metric`
	redshiftInsert = `INSERT INTO readings (sensor_id, ts, metric, value) SELECT sensor_id, ts, metric, value FROM offered`
	// Not TRUNCATE, which would commit there.
	redshiftDrop = `DROP TABLE offered`
)

// insertRedshift stages the batch and then loads it in one transaction.
func (w *Warehouse) insertRedshift(ctx context.Context, b *batch) error {
	if len(b.sorted) == 0 {
		return nil
	}
	key, err := w.staging.put(ctx, b.sorted)
	if err != nil {
		return err
	}
	load := w.staging.copy
	if w.staging.load != nil {
		load = w.staging.load
	}
	return pgx.BeginFunc(ctx, w.pool, func(tx pgx.Tx) error {
		if err := execute(ctx, tx, redshiftTurn, redshiftMake); err != nil {
			return err
		}
		if err := load(ctx, tx, key); err != nil {
			return fmt.Errorf("load s3://%s/%s: %w", w.staging.Bucket, key, err)
		}
		rows, err := tx.Query(ctx, redshiftKnown)
		if err != nil {
			return err
		}
		if err := b.note(rows); err != nil {
			return err
		}
		return execute(ctx, tx, redshiftTakeOut, redshiftInsert, redshiftDrop)
	})
}

func execute(ctx context.Context, tx pgx.Tx, statements ...string) error {
	for _, statement := range statements {
		if _, err := tx.Exec(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// put writes readings as packed CSV under a key made of their content: a batch
// that is stored again is the same object. Nobody takes the objects away but
// the bucket's lifecycle.
func (s *Staging) put(ctx context.Context, readings []reading.Reading) (key string, err error) {
	var body bytes.Buffer
	packer := gzip.NewWriter(&body)
	lines := csv.NewWriter(packer)
	for _, r := range readings {
		// A failed write is reported by Error; a buffer takes everything.
		_ = lines.Write([]string{
			r.SensorID, r.Timestamp.UTC().Format("2006-01-02 15:04:05.999999-07"), r.Metric, strconv.FormatFloat(r.Value, 'g', -1, 64),
		})
	}
	lines.Flush()
	if err := errors.Join(lines.Error(), packer.Close()); err != nil {
		return "", fmt.Errorf("pack a batch for Redshift: %w", err)
	}
	sum := sha256.Sum256(body.Bytes())
	key = "staging/" + hex.EncodeToString(sum[:]) + ".csv.gz"
	if err := s.Objects.Put(ctx, key, "application/gzip", body.Bytes()); err != nil {
		return "", fmt.Errorf("stage a batch for Redshift: %w: %w", ErrUnavailable, err)
	}
	return key, nil
}

// copy has Redshift load a staged batch.
func (s *Staging) copy(ctx context.Context, tx pgx.Tx, key string) error {
	_, err := tx.Exec(ctx, s.copyStatement(key))
	return err
}

// copyStatement loads one object. What it is worth to compress and to count a
// table for, a temporary one of a few rows is not.
func (s *Staging) copyStatement(key string) string {
	return "COPY offered (sensor_id, ts, metric, value) FROM " + literal("s3://"+s.Bucket+"/"+key) +
		" IAM_ROLE " + literal(s.Role) + " FORMAT CSV GZIP TIMEFORMAT 'auto' COMPUPDATE OFF STATUPDATE OFF"
}

func literal(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }
