package warehouse

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// SensorQuery selects sensors in the order of their names, by bytes.
type SensorQuery struct {
	Prefix string // any when empty
	After  string // continue behind this sensor; from the start when empty
	Limit  int
}

// Sensor is one sensor and the metrics it has readings of.
type Sensor struct {
	ID      string   `json:"sensor_id"`
	Metrics []Metric `json:"metrics"`
}

// Metric is one metric of a sensor with its newest reading.
type Metric struct {
	Metric string    `json:"metric"`
	Time   time.Time `json:"last_timestamp"`
	Value  float64   `json:"last_value"`
}

// SensorPage is some sensors and the one to continue behind; Next is empty on
// the last page. A page may hold fewer sensors than the limit, those whose
// readings have all passed the retention being left out.
type SensorPage struct {
	Sensors []Sensor
	Next    string
}

// The newest reading is found at the end of the index of the newest partition
// that has one.
const (
	sensorsPostgres = `SELECT p.sensor_id, n.metric, n.ts, n.value
		FROM (SELECT DISTINCT sensor_id FROM series WHERE sensor_id > $1 AND starts_with(sensor_id, $2) ORDER BY 1 LIMIT $3) p
		LEFT JOIN LATERAL (SELECT s.metric, r.ts, r.value FROM series s CROSS JOIN LATERAL
			(SELECT ts, value FROM readings WHERE sensor_id = s.sensor_id AND metric = s.metric ORDER BY ts DESC LIMIT 1) r
			WHERE s.sensor_id = p.sensor_id) n ON true
		ORDER BY 1, 2`
	// Redshift reads columns, so that it needs no table of series.
	sensorsRedshift = `SELECT sensor_id, metric, ts, value
		FROM (SELECT r.sensor_id, r.metric, r.ts, r.value, row_number() OVER (PARTITION BY r.sensor_id, r.metric ORDER BY r.ts DESC) AS place
			FROM readings r JOIN (SELECT DISTINCT sensor_id FROM readings
				WHERE sensor_id > $1 AND left(sensor_id, length($2)) = $2 ORDER BY 1 LIMIT $3) p ON p.sensor_id = r.sensor_id) newest
		WHERE place = 1 ORDER BY sensor_id, metric`
)

// Sensors returns one page of sensors.
func (w *Warehouse) Sensors(ctx context.Context, q SensorQuery) (SensorPage, error) {
	var page SensorPage
	err := w.read("list sensors", func() (err error) {
		page, err = w.sensors(ctx, q)
		return err
	})
	return page, err
}

func (w *Warehouse) sensors(ctx context.Context, q SensorQuery) (SensorPage, error) {
	statement, limit := sensorsPostgres, q.Limit+1
	if w.staging != nil {
		statement = sensorsRedshift
	}
	rows, err := w.pool.Query(ctx, statement, q.arguments()...)
	if err != nil {
		return SensorPage{}, err
	}
	var page SensorPage
	var last string
	seen := 0
	var id string
	var metric *string
	var at *time.Time
	var value *float64
	_, err = pgx.ForEachRow(rows, []any{&id, &metric, &at, &value}, func() error {
		if id != last {
			seen++
			if seen == limit {
				page.Next = last
			}
			last = id
		}
		if seen == limit || metric == nil {
			return nil
		}
		if n := len(page.Sensors); n == 0 || page.Sensors[n-1].ID != id {
			page.Sensors = append(page.Sensors, Sensor{ID: id})
		}
		s := &page.Sensors[len(page.Sensors)-1]
		s.Metrics = append(s.Metrics, Metric{Metric: *metric, Time: at.UTC(), Value: *value})
		return nil
	})
	return page, err
}

// arguments of the statements. Of the names with the prefix none comes before
// the prefix itself: an index scan can begin there.
func (q SensorQuery) arguments() []any {
	return []any{max(q.After, beforePrefix(q.Prefix)), q.Prefix, q.Limit + 1}
}

// beforePrefix is a text that sorts before every text with the prefix, and
// behind those that sort before it.
func beforePrefix(prefix string) string {
	if prefix == "" {
		return ""
	}
	last := len(prefix) - 1
	return prefix[:last] + string([]byte{prefix[last] - 1, '~'})
}
