package warehouse

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"sensor-backend/services/internal/reading"
)

// Query selects readings of one sensor, in order of time and then metric.
type Query struct {
	SensorID string
	Metric   string    // any when empty
	From     time.Time // inclusive; open when zero
	To       time.Time // exclusive; open when zero
	After    *Position // continue behind it; from the start when nil
	Limit    int
	Newest   bool // in the opposite order
}

// Position is where a page ended: the key of its last reading.
type Position struct {
	Timestamp time.Time
	Metric    string
}

// Page is some readings and where they end; Next is nil on the last page.
type Page struct {
	Readings []reading.Reading
	Next     *Position
}

// Select returns one page. It costs the same at the end of a long series as
// at its beginning, because it continues at a key instead of counting rows.
func (w *Warehouse) Select(ctx context.Context, q Query) (Page, error) {
	sql, args := selectStatement(q)
	var found []reading.Reading
	err := w.read("query readings", func() error {
		rows, err := w.pool.Query(ctx, sql, args...)
		if err != nil {
			return err
		}
		found, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (reading.Reading, error) {
			r := reading.Reading{SensorID: q.SensorID}
			err := row.Scan(&r.Metric, &r.Timestamp, &r.Value)
			r.Timestamp = r.Timestamp.UTC()
			return r, err
		})
		return err
	})
	if err != nil {
		return Page{}, err
	}
	page := Page{Readings: found}
	if len(found) > q.Limit {
		page.Readings = found[:q.Limit]
		last := page.Readings[q.Limit-1]
		page.Next = &Position{Timestamp: last.Timestamp, Metric: last.Metric}
	}
	return page, nil
}

// selectStatement asks for one row more than the limit, to know whether
// another page follows.
func selectStatement(q Query) (string, []any) {
	order, behind := "ASC", ">"
	if q.Newest {
		order, behind = "DESC", "<"
	}
	where := []string{"sensor_id = $1"}
	args := []any{q.SensorID}
	add := func(condition string, arg any) {
		args = append(args, arg)
		where = append(where, fmt.Sprintf(condition, len(args)))
	}
	if q.Metric != "" {
		add("metric = $%d", q.Metric)
	}
	if !q.From.IsZero() {
		add("ts >= $%d", q.From)
	}
	if !q.To.IsZero() {
		add("ts < $%d", q.To)
	}
	if q.After != nil {
		// Not a row comparison, which Redshift lacks; the first condition
		// bounds the index scan.
		add("ts "+behind+"= $%[1]d", q.After.Timestamp)
		args = append(args, q.After.Metric)
		where = append(where, fmt.Sprintf("(ts %[1]s $%[2]d OR metric %[1]s $%[3]d)", behind, len(args)-1, len(args)))
	}
	args = append(args, q.Limit+1)
	sql := "SELECT metric, ts, value FROM readings WHERE " + strings.Join(where, " AND ") +
		fmt.Sprintf(" ORDER BY ts %[1]s, metric %[1]s LIMIT $%[2]d", order, len(args))
	return sql, args
}
