package reading

import (
	"math"
	"strconv"
	"time"
)

// AppendJSON appends a valid reading as encoding/json writes it: its names
// hold nothing that needs an escape.
func (r Reading) AppendJSON(to []byte) []byte {
	to = append(to, `{"sensor_id":"`...)
	to = append(to, r.SensorID...)
	to = append(to, `","metric":"`...)
	to = append(to, r.Metric...)
	to = append(to, `","timestamp":"`...)
	to = r.Timestamp.AppendFormat(to, time.RFC3339Nano)
	to = append(to, `","value":`...)
	to = appendNumber(to, r.Value)
	return append(to, '}')
}

// appendNumber writes the shortest digits that read as the same number, with
// an exponent where JavaScript would have one.
func appendNumber(to []byte, v float64) []byte {
	size := math.Abs(v)
	if size == 0 || size >= 1e-6 && size < 1e21 {
		return strconv.AppendFloat(to, v, 'f', -1, 64)
	}
	to = strconv.AppendFloat(to, v, 'e', -1, 64)
	// e-09 becomes e-9.
	if n := len(to); n >= 4 && to[n-4] == 'e' && to[n-3] == '-' && to[n-2] == '0' {
		to[n-2] = to[n-1]
		to = to[:n-1]
	}
	return to
}
