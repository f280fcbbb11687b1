package load

import (
	"encoding/json"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"
)

// perBatch is how many readings a posted batch holds.
const perBatch = 10

// newRequests makes the requests, one after the other: of four, one posts a batch
// of readings of its own and three ask for the sensor's latest.
func newRequests(address, sensor string, from time.Time) vegeta.Targeter {
	var count atomic.Int64
	latest := address + "/v1/readings?" + url.Values{"sensor_id": {sensor}, "metric": {metric}, "limit": {"100"}}.Encode()
	return func(target *vegeta.Target) error {
		n := count.Add(1) - 1
		if n%4 != 0 {
			*target = vegeta.Target{Method: http.MethodGet, URL: latest}
			return nil
		}
		body, err := json.Marshal(map[string][]reading{"readings": batch(sensor, from, n)})
		*target = vegeta.Target{
			Method: http.MethodPost, URL: address + "/v1/readings", Body: body,
			Header: http.Header{"Content-Type": {"application/json"}},
		}
		return err
	}
}

const metric = "temperature"

// reading is one measurement as the API takes it.
type reading struct {
	SensorID  string    `json:"sensor_id"`
	Metric    string    `json:"metric"`
	Timestamp time.Time `json:"timestamp"`
	Value     float64   `json:"value"`
}

// batch is the n-th request's readings, a millisecond apart and all before from:
// no two requests send the same one.
func batch(sensor string, from time.Time, n int64) []reading {
	list := make([]reading, perBatch)
	for i := range list {
		at := from.Add(-time.Duration(n*perBatch+int64(i)) * time.Millisecond).UTC().Truncate(time.Millisecond)
		list[i] = reading{SensorID: sensor, Metric: metric, Timestamp: at, Value: 20 + float64(i)/10}
	}
	return list
}
