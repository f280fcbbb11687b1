package processor

import (
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"

	"sensor-backend/services/internal/reading"
)

// column is a reading as a row of a Parquet file: names by dictionary, times as
// differences in microseconds since 1970 in UTC.
type column struct {
	SensorID  string  `parquet:"sensor_id,dict"`
	Metric    string  `parquet:"metric,dict"`
	Timestamp int64   `parquet:"timestamp,delta,timestamp(microsecond:utc)"`
	Value     float64 `parquet:"value"`
}

// table writes readings as a Parquet file (parquet.apache.org, format 2) for
// whoever queries many of them. Equal readings give equal bytes.
type table struct {
	writer *parquet.GenericWriter[column]
	rows   []column
}

const (
	// writeAtOnce is how many rows are worth a call of the writer, and rowGroup
	// how many it holds in memory before they become a part of the file.
	writeAtOnce = 1 << 10
	rowGroup    = 1 << 17
)

func newTable(to io.Writer) *table {
	return &table{writer: parquet.NewGenericWriter[column](to,
		parquet.Compression(&parquet.Snappy), parquet.MaxRowsPerRowGroup(rowGroup), parquet.CreatedBy("sensor-backend", "1", ""))}
}

func (t *table) add(r *reading.Reading) error {
	t.rows = append(t.rows, column{r.SensorID, r.Metric, r.Timestamp.UnixMicro(), r.Value})
	if len(t.rows) < writeAtOnce {
		return nil
	}
	return t.flush()
}

func (t *table) flush() error {
	if _, err := t.writer.Write(t.rows); err != nil {
		return fmt.Errorf("write the Parquet object: %w", err)
	}
	t.rows = t.rows[:0]
	return nil
}

// close writes what is left and the footer.
func (t *table) close() error {
	if err := t.flush(); err != nil {
		return err
	}
	if err := t.writer.Close(); err != nil {
		return fmt.Errorf("finish the Parquet object: %w", err)
	}
	return nil
}
