package warehouse

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"sensor-backend/services/internal/reading"
)

// chunk is how many readings one statement carries, with 4 parameters each.
// Redshift takes 32767 of them.
const chunk = 500

// insertRedshift looks which readings are there and inserts the others, in one
// transaction. Redshift declares a primary key but does not enforce it.
func (w *Warehouse) insertRedshift(ctx context.Context, b *batch) error {
	return pgx.BeginFunc(ctx, w.pool, func(tx pgx.Tx) error {
		for start := 0; start < len(b.sorted); start += chunk {
			part := b.sorted[start:min(start+chunk, len(b.sorted))]
			// Statements come in many lengths, and a server keeps the plan of
			// each prepared one for as long as the connection lives.
			args := append([]any{pgx.QueryExecModeExec}, redshiftArguments(part)...)
			rows, err := tx.Query(ctx, redshiftStatement("SELECT n.sensor_id, n.ts, n.metric FROM ", " WHERE ", len(part)), args...)
			if err != nil {
				return err
			}
			if err := b.note(rows); err != nil {
				return err
			}
			insert := redshiftStatement("INSERT INTO readings (sensor_id, metric, ts, value) "+
				"SELECT n.sensor_id, n.metric, n.ts, n.value FROM ", " WHERE NOT ", len(part))
			if _, err := tx.Exec(ctx, insert, args...); err != nil {
				return err
			}
		}
		return nil
	})
}

// redshiftStatement joins the rows by UNION ALL: Redshift takes no VALUES list
// in FROM.
func redshiftStatement(before, where string, rows int) string {
	var b strings.Builder
	b.WriteString(before + "(")
	for i := range rows {
		if i > 0 {
			b.WriteString(" UNION ALL ")
		}
		_, _ = fmt.Fprintf(&b, "SELECT $%d::varchar AS sensor_id, $%d::varchar AS metric, $%d::timestamptz AS ts, $%d::double precision AS value",
			4*i+1, 4*i+2, 4*i+3, 4*i+4)
	}
	b.WriteString(") n" + where + "EXISTS (SELECT 1 FROM readings r " +
		"WHERE r.sensor_id = n.sensor_id AND r.ts = n.ts AND r.metric = n.metric)")
	return b.String()
}

func redshiftArguments(readings []reading.Reading) []any {
	args := make([]any, 0, 4*len(readings))
	for _, r := range readings {
		args = append(args, r.SensorID, r.Metric, r.Timestamp, r.Value)
	}
	return args
}
