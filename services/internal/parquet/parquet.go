// Package parquet writes readings as Parquet files (parquet.apache.org, format
// 2): column by column, for whoever queries many of them. Start with New.
package parquet

import (
	"fmt"
	"io"

	format "github.com/parquet-go/parquet-go"

	"sensor-backend/services/internal/reading"
)

// row is a reading: names by dictionary, times as differences in microseconds
// since 1970 in UTC.
type row struct {
	SensorID  string  `parquet:"sensor_id,dict"`
	Metric    string  `parquet:"metric,dict"`
	Timestamp int64   `parquet:"timestamp,delta,timestamp(microsecond:utc)"`
	Value     float64 `parquet:"value"`
}

// Writer writes readings as one file. Equal readings give equal bytes.
type Writer struct {
	file *format.GenericWriter[row]
	rows []row
}

const (
	// writeAtOnce is how many rows are worth a call of the writer, and rowGroup
	// how many it holds in memory before they become a part of the file.
	writeAtOnce = 1 << 10
	rowGroup    = 1 << 16
)

// New begins a file.
func New(to io.Writer) *Writer {
	return &Writer{file: format.NewGenericWriter[row](to,
		format.Compression(&format.Snappy), format.MaxRowsPerRowGroup(rowGroup), format.CreatedBy("sensor-backend", "1", ""))}
}

// Add writes a reading.
func (w *Writer) Add(r reading.Reading) error {
	w.rows = append(w.rows, row{r.SensorID, r.Metric, r.Timestamp.UnixMicro(), r.Value})
	if len(w.rows) < writeAtOnce {
		return nil
	}
	return w.flush()
}

func (w *Writer) flush() error {
	if _, err := w.file.Write(w.rows); err != nil {
		return fmt.Errorf("write the Parquet object: %w", err)
	}
	w.rows = w.rows[:0]
	return nil
}

// Close writes what is left and the footer. It does not close what is written
// to.
func (w *Writer) Close() error {
	if err := w.flush(); err != nil {
		return err
	}
	if err := w.file.Close(); err != nil {
		return fmt.Errorf("finish the Parquet object: %w", err)
	}
	return nil
}
