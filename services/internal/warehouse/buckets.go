package warehouse

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// ErrOverflow is returned, wrapped, when the values of a bucket add up to more
// than a number can hold.
var ErrOverflow = errors.New("the values are too large to average")

// BucketQuery selects one series in steps of time.
type BucketQuery struct {
	SensorID string
	Metric   string
	From     time.Time // inclusive
	To       time.Time // exclusive
	Width    time.Duration
}

// Bucket is what the readings of one step come to. Steps without a reading
// are left out; a step begins at a whole multiple of the width since 1970.
type Bucket struct {
	Start   time.Time `json:"start"`
	Average float64   `json:"avg"`
	Minimum float64   `json:"min"`
	Maximum float64   `json:"max"`
	Count   int64     `json:"count"`
	Last    float64   `json:"last"`
}

const (
	bucketsPostgres = `SELECT date_bin(make_interval(secs => $5), ts, 'epoch'), avg(value), min(value), max(value), count(*),
		(array_agg(value ORDER BY ts DESC))[1]
		FROM readings WHERE sensor_id = $1 AND metric = $2 AND ts >= $3 AND ts < $4 GROUP BY 1 ORDER BY 1`
	// Redshift has neither date_bin nor arrays of values.
	bucketsRedshift = `SELECT step, avg(value), min(value), max(value), count(*), max(CASE WHEN place = 1 THEN value END)
		FROM (SELECT step, value, row_number() OVER (PARTITION BY step ORDER BY ts DESC) AS place
			FROM (SELECT ts, value, timestamp 'epoch' + floor(extract(epoch FROM ts) / $5::float8) * $5::float8 * interval '1 second' AS step
				FROM readings WHERE sensor_id = $1 AND metric = $2 AND ts >= $3 AND ts < $4) stepped) placed
		GROUP BY step ORDER BY step`
)

// Buckets returns the steps of a series, oldest first. The caller bounds their
// number by the range and the width.
func (w *Warehouse) Buckets(ctx context.Context, q BucketQuery) ([]Bucket, error) {
	statement := bucketsPostgres
	if w.staging != nil {
		statement = bucketsRedshift
	}
	var buckets []Bucket
	err := w.read("query buckets", func() error {
		rows, err := w.pool.Query(ctx, statement, q.SensorID, q.Metric, q.From, q.To, q.Width.Seconds())
		if err != nil {
			return err
		}
		buckets, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (Bucket, error) {
			var b Bucket
			err := row.Scan(&b.Start, &b.Average, &b.Minimum, &b.Maximum, &b.Count, &b.Last)
			b.Start = b.Start.UTC()
			return b, err
		})
		return err
	})
	if faultOf(err) == outOfRange {
		return nil, fmt.Errorf("%w: %w", ErrOverflow, err)
	}
	return buckets, err
}
