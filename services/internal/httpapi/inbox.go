package httpapi

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"sensor-backend/services/internal/objectkey"
	"sensor-backend/services/internal/reading"
	"sensor-backend/services/internal/warehouse"
)

// mixedSensor stands for the sensor in the key of a batch of several sensors;
// its lines name their own.
const mixedSensor = "mixed"

// putInbox puts a batch into the inbox. Only within the batch can duplicates be
// told; the rest is for the processor to find.
func (a *API) putInbox(ctx context.Context, batch []reading.Reading) (warehouse.Stored, error) {
	key, body, rows := inboxObject(batch)
	if err := a.cfg.Inbox.Put(ctx, key, "application/x-ndjson", body); err != nil {
		return warehouse.Stored{}, fmt.Errorf("hand the batch to the processor as %s: %w: %w", key, errUpstream, err)
	}
	stored := warehouse.Stored{New: rows}
	seen := make(map[reading.Key]struct{}, rows)
	for i, r := range batch {
		if _, dup := seen[r.Key()]; dup {
			stored.Duplicates = append(stored.Duplicates, i)
		}
		seen[r.Key()] = struct{}{}
	}
	return stored, nil
}

// inboxObject writes a batch as NDJSON in a fixed order under a key made of
// its content, so that a batch posted twice is one object.
func inboxObject(batch []reading.Reading) (key string, body []byte, rows int) {
	sorted := slices.Clone(batch)
	slices.SortStableFunc(sorted, func(a, b reading.Reading) int {
		return cmp.Or(cmp.Compare(a.SensorID, b.SensorID), a.Timestamp.Compare(b.Timestamp), cmp.Compare(a.Metric, b.Metric))
	})
	sorted = slices.CompactFunc(sorted, func(a, b reading.Reading) bool { return a.Key() == b.Key() })

	var lines reading.Appender
	for _, r := range sorted {
		body = append(lines.Append(body, r), '\n')
	}
	sensor := sorted[0].SensorID
	if sorted[len(sorted)-1].SensorID != sensor {
		sensor = mixedSensor
	}
	sum := sha256.Sum256(body)
	key = objectkey.Incoming(sensor, "batch-"+hex.EncodeToString(sum[:16])+".ndjson")
	return key, body, len(sorted)
}
