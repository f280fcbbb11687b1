package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/labstack/echo/v4"

	"sensor-backend/services/internal/anomaly"
	"sensor-backend/services/internal/reading"
	"sensor-backend/services/internal/warehouse"
)

const (
	// leadIn is how many readings before the range the detector learns from.
	leadIn = 5000
	// maxExamined bounds the readings of a range, and with it the time of a
	// request.
	maxExamined = 100_000
	// examinedPage is how many are read at a time.
	examinedPage = 10_000
)

type anomalyAnswer struct {
	Timestamp time.Time    `json:"timestamp"`
	Value     float64      `json:"value"`
	Kind      anomaly.Kind `json:"kind"`
	Score     float64      `json:"score"`
	From      time.Time    `json:"from"`
	Why       string       `json:"why"`
}

type anomaliesAnswer struct {
	SensorID  string          `json:"sensor_id"`
	Metric    string          `json:"metric"`
	Anomalies []anomalyAnswer `json:"anomalies"`
}

// listAnomalies runs the processor's detector over a range of one series. It
// keeps nothing: what is found depends on the readings alone.
func (a *API) listAnomalies(c echo.Context) error {
	if a.cfg.Warehouse == nil {
		return errWarehouseOff
	}
	answer := anomaliesAnswer{Anomalies: []anomalyAnswer{}}
	var err error
	if answer.SensorID, answer.Metric, err = seriesParams(c); err != nil {
		return err
	}
	from, to, err := a.closedRange(c)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	before, err := a.cfg.Warehouse.Select(ctx, warehouse.Query{
		SensorID: answer.SensorID, Metric: answer.Metric, To: from, Limit: leadIn, Newest: true,
	})
	if err != nil {
		return err
	}
	detector := anomaly.New(anomaly.Default())
	var found []anomaly.Finding
	for _, r := range slices.Backward(before.Readings) {
		found = detector.Observe(r.Timestamp, r.Value, found[:0])
	}
	q := warehouse.Query{SensorID: answer.SensorID, Metric: answer.Metric, From: from, To: to, Limit: examinedPage}
	err = a.examine(ctx, q, func(r reading.Reading) {
		found = detector.Observe(r.Timestamp, r.Value, found[:0])
		for _, f := range found {
			answer.Anomalies = append(answer.Anomalies, anomalyAnswer{
				Timestamp: r.Timestamp, Value: r.Value, Kind: f.Kind, Score: f.Score, From: f.From, Why: f.Why,
			})
		}
	})
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, answer)
}

// examine shows every reading of a range, page by page.
func (a *API) examine(ctx context.Context, q warehouse.Query, show func(reading.Reading)) error {
	for examined := 0; ; {
		page, err := a.cfg.Warehouse.Select(ctx, q)
		if err != nil {
			return err
		}
		for _, r := range page.Readings {
			show(r)
		}
		if page.Next == nil {
			return nil
		}
		if examined += len(page.Readings); examined >= maxExamined {
			return newProblem(http.StatusUnprocessableEntity,
				fmt.Sprintf("the range holds more than %d readings, ask for a shorter one", maxExamined))
		}
		q.After = page.Next
	}
}
