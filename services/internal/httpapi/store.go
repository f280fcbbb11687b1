package httpapi

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	"sensor-backend/services/internal/objectkey"
	"sensor-backend/services/internal/reading"
)

// mixedSensor stands for the sensor in the key of a batch of several sensors;
// its lines name their own.
const mixedSensor = "mixed"

// store puts a batch into the warehouse, or, while that is off, into the inbox
// for the processor, and returns how many readings it took.
func (a *API) store(ctx context.Context, batch []reading.Reading) (int, error) {
	if a.cfg.Warehouse != nil {
		return a.cfg.Warehouse.Insert(ctx, batch)
	}
	key, body, rows, err := inboxObject(batch)
	if err != nil {
		return 0, err
	}
	if err := a.cfg.Inbox.Put(ctx, key, "application/x-ndjson", body); err != nil {
		return 0, fmt.Errorf("hand the batch to the processor as %s: %w: %w", key, errUpstream, err)
	}
	return rows, nil
}

// inboxObject writes a batch as NDJSON in a fixed order under a key made of
// its content, so that a batch posted twice is one object.
func inboxObject(batch []reading.Reading) (key string, body []byte, rows int, err error) {
	sorted := slices.Clone(batch)
	slices.SortStableFunc(sorted, func(a, b reading.Reading) int {
		return cmp.Or(cmp.Compare(a.SensorID, b.SensorID), a.Timestamp.Compare(b.Timestamp), cmp.Compare(a.Metric, b.Metric))
	})
	sorted = slices.CompactFunc(sorted, func(a, b reading.Reading) bool { return a.Key() == b.Key() })

	var buf bytes.Buffer
	lines := json.NewEncoder(&buf)
	for _, r := range sorted {
		if err := lines.Encode(r); err != nil {
			return "", nil, 0, fmt.Errorf("write the batch as NDJSON: %w", err)
		}
	}
	sensor := sorted[0].SensorID
	if sorted[len(sorted)-1].SensorID != sensor {
		sensor = mixedSensor
	}
	sum := sha256.Sum256(buf.Bytes())
	key = objectkey.Incoming(sensor, "batch-"+hex.EncodeToString(sum[:16])+".ndjson")
	return key, buf.Bytes(), len(sorted), nil
}
