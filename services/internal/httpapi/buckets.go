package httpapi

import (
	"encoding/csv"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"sensor-backend/services/internal/warehouse"
)

// maxBuckets bounds an answer, and with it the work of one query.
const maxBuckets = 10_000

type bucketsAnswer struct {
	SensorID string             `json:"sensor_id"`
	Metric   string             `json:"metric"`
	Seconds  float64            `json:"bucket_seconds"`
	Buckets  []warehouse.Bucket `json:"buckets"`
}

// getBuckets answers a series in steps of time.
func (a *API) getBuckets(c echo.Context) error {
	if a.cfg.Warehouse == nil {
		return errWarehouseOff
	}
	q, err := a.bucketQuery(c)
	if err != nil {
		return err
	}
	csv, err := wantsCSV(c)
	if err != nil {
		return err
	}
	buckets, err := a.cfg.Warehouse.Buckets(c.Request().Context(), q)
	if err != nil {
		return err
	}
	if csv {
		return writeBuckets(c, buckets)
	}
	if buckets == nil {
		buckets = []warehouse.Bucket{}
	}
	return c.JSON(http.StatusOK, bucketsAnswer{SensorID: q.SensorID, Metric: q.Metric, Seconds: q.Width.Seconds(), Buckets: buckets})
}

func writeBuckets(c echo.Context, buckets []warehouse.Bucket) error {
	startCSV(c.Response())
	out := csv.NewWriter(c.Response())
	// A failed write is reported by Error.
	_ = out.Write([]string{"start", "avg", "min", "max", "count", "last"})
	for _, b := range buckets {
		_ = out.Write([]string{
			b.Start.Format(time.RFC3339Nano), formatFloat(b.Average), formatFloat(b.Minimum), formatFloat(b.Maximum),
			strconv.FormatInt(b.Count, 10), formatFloat(b.Last),
		})
	}
	out.Flush()
	return out.Error()
}

func (a *API) bucketQuery(c echo.Context) (warehouse.BucketQuery, error) {
	var q warehouse.BucketQuery
	var err error
	if q.SensorID, q.Metric, err = seriesParams(c); err != nil {
		return q, err
	}
	if q.From, q.To, err = a.closedRange(c); err != nil {
		return q, err
	}
	text := c.QueryParam("bucket")
	if text == "" {
		return q, badParameter("bucket", "is missing, give a width such as 5m or 1h")
	}
	if q.Width, err = time.ParseDuration(text); err != nil || q.Width < time.Second {
		return q, badParameter("bucket", "is not a width of at least 1s, such as 5m or 1h")
	}
	if steps := q.To.Sub(q.From) / q.Width; steps >= maxBuckets {
		return q, badParameter("bucket", fmt.Sprintf("makes more than %d steps of the range, give a wider one or a shorter range", maxBuckets))
	}
	return q, nil
}
