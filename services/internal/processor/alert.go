package processor

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"
	"time"

	"sensor-backend/services/internal/anomaly"
	"sensor-backend/services/internal/reading"
)

// Alert is one anomaly.
type Alert struct {
	// ID is the same whenever the same anomaly of a series is found, in this
	// file or in another that holds the same readings: whoever receives it may
	// drop a second one.
	ID       string       `json:"id"`
	SensorID string       `json:"sensor_id"`
	Metric   string       `json:"metric"`
	Kind     anomaly.Kind `json:"kind"`
	// From and Timestamp are the window: where it begins, and the reading at
	// which it was found.
	From      time.Time `json:"from"`
	Timestamp time.Time `json:"timestamp"`
	Value     float64   `json:"value"`
	Score     float64   `json:"score"` // see anomaly.Finding
	Why       string    `json:"why"`   // in one sentence
	ObjectKey string    `json:"object_key"`
	Link      string    `json:"link"` // to the series on the API's page
}

func newAlert(j *job, r reading.Reading, f anomaly.Finding) Alert {
	named := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%s\x00%d", r.SensorID, r.Metric, f.Kind, f.From.UnixMicro()))
	series := url.Values{"sensor": {r.SensorID}, "metric": {r.Metric}}
	return Alert{
		ID: hex.EncodeToString(named[:16]), SensorID: r.SensorID, Metric: r.Metric, Kind: f.Kind, From: f.From,
		Timestamp: r.Timestamp, Value: r.Value, Score: f.Score, Why: f.Why, ObjectKey: j.source.Key,
		Link: strings.TrimSuffix(j.Page, "/") + "/#" + series.Encode(),
	}
}
