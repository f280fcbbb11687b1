package reading

import (
	"math"
	"strconv"
	"time"
)

// Appender appends valid readings, in UTC, as encoding/json writes them: their
// names hold nothing that needs an escape. It remembers how the last one began,
// up to the day, which is mostly how the next one does. The zero value is ready
// for use, by one goroutine.
type Appender struct {
	sensor, metric string
	day            int64 // since 1970
	begin          []byte
}

const daySeconds = 24 * 60 * 60

// Append appends one reading.
func (a *Appender) Append(to []byte, r Reading) []byte {
	second := r.Timestamp.Unix()
	day := second / daySeconds
	if len(a.begin) == 0 || day != a.day || r.SensorID != a.sensor || r.Metric != a.metric {
		a.sensor, a.metric, a.day = r.SensorID, r.Metric, day
		a.begin = append(a.begin[:0], `{"sensor_id":"`...)
		a.begin = append(a.begin, r.SensorID...)
		a.begin = append(a.begin, `","metric":"`...)
		a.begin = append(a.begin, r.Metric...)
		a.begin = append(a.begin, `","timestamp":"`...)
		a.begin = r.Timestamp.AppendFormat(a.begin, time.DateOnly)
	}
	to = append(to, a.begin...)
	to = appendClock(to, int(second-day*daySeconds), r.Timestamp.Nanosecond())
	to = append(to, `","value":`...)
	to = appendNumber(to, r.Value)
	return append(to, '}')
}

// appendClock writes the time of a day as RFC 3339 has it, a fraction without
// zeros at its end.
func appendClock(to []byte, second, nanos int) []byte {
	hour, minute := second/3600, second/60%60
	second %= 60
	to = append(to, 'T', digit(hour/10), digit(hour), ':', digit(minute/10), digit(minute), ':', digit(second/10), digit(second))
	if nanos > 0 {
		to = append(to, '.')
		for place := 100_000_000; nanos > 0; place /= 10 {
			to = append(to, digit(nanos/place))
			nanos %= place
		}
	}
	return append(to, 'Z')
}

// digit is the last digit of a number.
func digit(n int) byte { return "0123456789"[n%10] }

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
