package warehouse

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"sensor-backend/services/internal/reading"
)

// Stored says what became of the readings of one insert.
type Stored struct {
	New int
	// Duplicates are the places, ascending, of the readings that were there
	// before or came earlier in the same batch; their values were not kept.
	Duplicates []int
}

// Split takes the outcome of the first n readings away from that of several
// batches.
func (s Stored) Split(n int) (first, rest Stored) {
	count := 0
	for count < len(s.Duplicates) && s.Duplicates[count] < n {
		count++
	}
	first = Stored{New: n - count, Duplicates: s.Duplicates[:count:count]}
	rest = Stored{New: s.New - first.New}
	for _, place := range s.Duplicates[count:] {
		rest.Duplicates = append(rest.Duplicates, place-n)
	}
	return first, rest
}

// copyFrom is the batch from which COPY is faster than parameters: below it,
// the second round trip costs more than it saves.
const copyFrom = 1000

// Insert stores the readings that are not there yet, all or none, and returns
// after the commit. Of two readings with the same key the first stored wins.
func (w *Warehouse) Insert(ctx context.Context, readings []reading.Reading) (Stored, error) {
	const doing = "store readings"
	if err := w.usable(ctx, doing); err != nil {
		return Stored{}, err
	}
	b := newBatch(readings)
	err := w.retry(ctx, b, func() error {
		switch {
		case w.staging != nil:
			return w.insertRedshift(ctx, b)
		case len(b.sorted) < copyFrom:
			return b.insertPipelined(ctx, w.pool, w.replays.likely())
		default:
			return pgx.BeginFunc(ctx, w.pool, func(tx pgx.Tx) error { return b.insertCopied(ctx, tx, w.replays.likely()) })
		}
	})
	if err != nil {
		return Stored{}, classify(doing, err)
	}
	return b.stored(), nil
}

// retry repeats an insert that lost a race with another writer, whose partition
// another process has dropped, or, once, whose connection was of no use.
func (w *Warehouse) retry(ctx context.Context, b *batch, insert func() error) error {
	const attempts = 5
	var err error
	renewed := false
	for range attempts {
		b.duplicates = b.duplicates[:0]
		if err = w.ensurePartitions(ctx, b.sorted); err == nil {
			err = insert()
		}
		switch f := faultOf(err); {
		case f == duplicate:
			w.replays.met()
		case f == noPartition:
			w.months.forget()
		case f.renewable() && !renewed:
			renewed = true
			w.pool.Reset()
		case f == readOnly:
			// The next ones lead to the primary of that time.
			w.pool.Reset()
			return err
		case f != lostRace:
			return err
		}
	}
	return err
}

// batch is readings on their way in: each key once, in the order of the keys.
// The order lets two writers with common keys wait for each other but never
// both ways.
type batch struct {
	all        []reading.Reading
	sorted     []reading.Reading
	places     map[reading.Key]int // of a key's first reading in all
	repeated   []int               // places of readings whose key came before
	duplicates []int               // places of readings that were stored before
}

func newBatch(readings []reading.Reading) *batch {
	b := &batch{
		all:    readings,
		sorted: make([]reading.Reading, 0, len(readings)),
		places: make(map[reading.Key]int, len(readings)),
	}
	for i, r := range readings {
		if _, dup := b.places[r.Key()]; dup {
			b.repeated = append(b.repeated, i)
			continue
		}
		b.places[r.Key()] = i
		b.sorted = append(b.sorted, r)
	}
	slices.SortFunc(b.sorted, func(x, y reading.Reading) int {
		return cmp.Or(cmp.Compare(x.SensorID, y.SensorID), x.Timestamp.Compare(y.Timestamp), cmp.Compare(x.Metric, y.Metric))
	})
	return b
}

func (b *batch) stored() Stored {
	duplicates := slices.Concat(b.repeated, b.duplicates)
	slices.Sort(duplicates)
	return Stored{New: len(b.all) - len(duplicates), Duplicates: duplicates}
}

// The statements. The readings that were there before are those offered but
// not returned; EXCEPT finds them by hashing, however many there are, and only
// if there are any.
const (
	insertSeries = `INSERT INTO series (sensor_id, metric)
		SELECT * FROM unnest($1::text[], $2::text[]) ON CONFLICT DO NOTHING`
	offeredArrays = `SELECT * FROM unnest($1::text[], $2::timestamptz[], $3::text[], $4::float8[]) n (sensor_id, ts, metric, value)`
	offeredTable  = `SELECT * FROM pg_temp.offered`
	insertOffered = `), stored AS (
			INSERT INTO readings (sensor_id, ts, metric, value) SELECT sensor_id, ts, metric, value FROM offered
			ON CONFLICT DO NOTHING RETURNING sensor_id, ts, metric
		) SELECT sensor_id, ts, metric FROM (
			SELECT sensor_id, ts, metric FROM offered EXCEPT SELECT sensor_id, ts, metric FROM stored
		) known WHERE (SELECT count(*) FROM stored) < (SELECT count(*) FROM offered)`
	insertArrays = `WITH offered AS (` + offeredArrays + insertOffered
	insertTable  = `WITH offered AS (` + offeredTable + insertOffered
	insertPlain  = `INSERT INTO readings (sensor_id, ts, metric, value) ` + offeredArrays
	makeOffered  = `CREATE TEMP TABLE IF NOT EXISTS offered (
		sensor_id text COLLATE "C", ts timestamptz, metric text COLLATE "C", value float8) ON COMMIT DELETE ROWS`
)

// sender is a pool or a transaction. A batch sent to a pool is a transaction
// of its own.
type sender interface {
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
}

// insertPipelined sends everything at once: one round trip. Unless it looks for
// readings that are stored already, one of those fails it.
func (b *batch) insertPipelined(ctx context.Context, db sender, look bool) error {
	var both pgx.Batch
	b.queue(&both, look)
	return db.SendBatch(ctx, &both).Close()
}

// queue adds the statements that insert by parameters.
func (b *batch) queue(to *pgx.Batch, look bool) {
	sensors, metrics := b.series()
	n := len(b.sorted)
	ids, names, values, times := make([]string, n), make([]string, n), make([]float64, n), make([]time.Time, n)
	for i, r := range b.sorted {
		ids[i], names[i], values[i], times[i] = r.SensorID, r.Metric, r.Value, r.Timestamp
	}
	to.Queue(insertSeries, sensors, metrics)
	if look {
		to.Queue(insertArrays, ids, times, names, values).Query(b.note)
	} else {
		to.Queue(insertPlain, ids, times, names, values)
	}
}

// insertCopied streams the readings: where it looks for stored ones, into a table
// of the session's own, which is empty at the start of each transaction; else
// where they belong, and one that is stored already fails it.
func (b *batch) insertCopied(ctx context.Context, tx pgx.Tx, look bool) error {
	sensors, metrics := b.series()
	var before pgx.Batch
	before.Queue(insertSeries, sensors, metrics)
	if look {
		before.Queue(makeOffered)
	}
	if err := tx.SendBatch(ctx, &before).Close(); err != nil {
		return err
	}
	if !look {
		return b.copyTo(ctx, tx, "readings")
	}
	if err := b.copyTo(ctx, tx, "pg_temp", "offered"); err != nil {
		return err
	}
	rows, err := tx.Query(ctx, insertTable)
	if err != nil {
		return err
	}
	return b.note(rows)
}

func (b *batch) copyTo(ctx context.Context, tx pgx.Tx, table ...string) error {
	rows := pgx.CopyFromSlice(len(b.sorted), func(i int) ([]any, error) {
		r := &b.sorted[i]
		return []any{r.SensorID, r.Timestamp, r.Metric, r.Value}, nil
	})
	_, err := tx.CopyFrom(ctx, table, []string{"sensor_id", "ts", "metric", "value"}, rows)
	return err
}

// note takes the keys that were there before.
func (b *batch) note(rows pgx.Rows) error {
	var key reading.Key
	var at time.Time
	_, err := pgx.ForEachRow(rows, []any{&key.SensorID, &at, &key.Metric}, func() error {
		key.Micros = at.UnixMicro()
		b.duplicates = append(b.duplicates, b.places[key])
		return nil
	})
	return err
}

// series lists every pair of sensor and metric once, in order.
func (b *batch) series() (sensors, metrics []string) {
	type pair struct{ sensor, metric string }
	seen := map[pair]struct{}{}
	var pairs []pair
	for _, r := range b.sorted {
		p := pair{r.SensorID, r.Metric}
		if _, ok := seen[p]; !ok {
			seen[p] = struct{}{}
			pairs = append(pairs, p)
		}
	}
	slices.SortFunc(pairs, func(x, y pair) int {
		return cmp.Or(cmp.Compare(x.sensor, y.sensor), cmp.Compare(x.metric, y.metric))
	})
	for _, p := range pairs {
		sensors, metrics = append(sensors, p.sensor), append(metrics, p.metric)
	}
	return sensors, metrics
}
