package reading

import (
	"bytes"
	"math"
	"strconv"
	"time"
)

// Plain reads JSON readings that are written the plain way: one flat object
// of the known fields, each at most once, without escapes. That is how devices
// write them, and it can be read ten times faster than JSON at large; whatever
// it does not take goes to FromJSON, which also says what is wrong with it.
//
// It remembers the last names and the last day, which are mostly those of the
// next reading. The zero value is ready for use, by one goroutine.
type Plain struct {
	Defaults Defaults
	sensor   string
	metric   string
	day      [len(time.DateOnly)]byte
	midnight int64 // seconds since 1970 at which the day begins
}

// Next reads the valid reading at the beginning of data and returns how many
// bytes it took. With ok false nothing is said of the data but that it is not
// plain.
func (p *Plain) Next(data []byte) (r Reading, taken int, ok bool) {
	in := cursor{data: data}
	if !in.take('{') {
		return r, 0, false
	}
	r.SensorID, r.Metric = p.Defaults.SensorID, p.Defaults.Metric
	var seen [4]bool
	for {
		name, ok := in.text()
		if !ok || !in.take(':') {
			return r, 0, false
		}
		field := fieldOf(name)
		if field < 0 || seen[field] || !p.value(&in, field, &r) {
			return r, 0, false
		}
		seen[field] = true
		if in.take(',') {
			continue
		}
		if !in.take('}') {
			return r, 0, false
		}
		break
	}
	if !seen[timestamp] || !seen[value] || r.SensorID == "" || r.Metric == "" {
		return r, 0, false
	}
	return r, in.at, true
}

// Field is one field of a record. An empty one that is there is not one that is
// missing: only the latter is filled by default.
type Field struct {
	Text  []byte
	There bool
}

// Fields makes a reading of the fields of a record. With ok false nothing is
// said of them but that they are not plain, and r is left half made.
func (p *Plain) Fields(r *Reading, sensor, metric Field, timestamp, value []byte) (ok bool) {
	r.SensorID, r.Metric = p.Defaults.SensorID, p.Defaults.Metric
	if sensor.There {
		if r.SensorID, ok = remembered(&p.sensor, sensor.Text, ValidateSensorID); !ok {
			return false
		}
	}
	if metric.There {
		if r.Metric, ok = remembered(&p.metric, metric.Text, ValidateMetric); !ok {
			return false
		}
	}
	in := cursor{data: value}
	text, ok := in.number()
	if !ok || in.at != len(value) || r.SensorID == "" || r.Metric == "" {
		return false
	}
	v, err := strconv.ParseFloat(string(text), 64)
	if err != nil || math.IsInf(v, 0) {
		return false
	}
	r.Value = v
	r.Timestamp, ok = p.time(timestamp)
	return ok
}

const (
	sensorID = iota
	metric
	timestamp
	value
)

func fieldOf(name []byte) int {
	switch string(name) {
	case "sensor_id":
		return sensorID
	case "metric":
		return metric
	case "timestamp":
		return timestamp
	case "value":
		return value
	}
	return -1
}

// value reads the value of one field into r, if it is acceptable.
func (p *Plain) value(in *cursor, field int, r *Reading) bool {
	if field == value {
		text, ok := in.number()
		if !ok {
			return false
		}
		v, err := strconv.ParseFloat(string(text), 64)
		r.Value = v
		return err == nil && !math.IsInf(v, 0)
	}
	text, ok := in.text()
	if !ok {
		return false
	}
	switch field {
	case sensorID:
		r.SensorID, ok = remembered(&p.sensor, text, ValidateSensorID)
	case metric:
		r.Metric, ok = remembered(&p.metric, text, ValidateMetric)
	default:
		r.Timestamp, ok = p.time(text)
	}
	return ok
}

// remembered returns the text as a string, the last one if it is the same.
func remembered(last *string, text []byte, validate func(string) error) (string, bool) {
	if string(text) == *last && *last != "" {
		return *last, true
	}
	name := string(text)
	if validate(name) != nil {
		return "", false
	}
	*last = name
	return name, true
}

// cursor walks through JSON.
type cursor struct {
	data []byte
	at   int
}

func (c *cursor) space() {
	for c.at < len(c.data) {
		switch c.data[c.at] {
		case ' ', '\t', '\n', '\r':
			c.at++
		default:
			return
		}
	}
}

// take passes over a character with the white space before it, if it is next.
func (c *cursor) take(want byte) bool {
	c.space()
	if c.at < len(c.data) && c.data[c.at] == want {
		c.at++
		return true
	}
	return false
}

// text reads a string of plain ASCII.
func (c *cursor) text() ([]byte, bool) {
	if !c.take('"') {
		return nil, false
	}
	length := bytes.IndexByte(c.data[c.at:], '"')
	if length < 0 {
		return nil, false
	}
	text := c.data[c.at : c.at+length]
	for _, b := range text {
		if b < ' ' || b > '~' || b == '\\' {
			return nil, false
		}
	}
	c.at += length + 1
	return text, true
}

// number reads a number as JSON has it.
func (c *cursor) number() ([]byte, bool) {
	c.space()
	start := c.at
	c.sign("-")
	whole := c.at
	digits := c.digits()
	if digits == 0 || digits > 1 && c.data[whole] == '0' {
		return nil, false
	}
	if c.sign(".") && c.digits() == 0 {
		return nil, false
	}
	if c.sign("eE") {
		c.sign("+-")
		if c.digits() == 0 {
			return nil, false
		}
	}
	return c.data[start:c.at], c.at-start <= maxNumber
}

func (c *cursor) sign(signs string) bool {
	if c.at < len(c.data) && containsByte(signs, c.data[c.at]) {
		c.at++
		return true
	}
	return false
}

func (c *cursor) digits() int {
	start := c.at
	for c.at < len(c.data) && '0' <= c.data[c.at] && c.data[c.at] <= '9' {
		c.at++
	}
	return c.at - start
}

// time is plainTime, sooner done with whole seconds of the last day.
func (p *Plain) time(s []byte) (time.Time, bool) {
	if (len(s) == len(spaced) && s[10] == ' ' || len(s) == len(spaced)+1 && s[10] == 'T' && s[19] == 'Z') &&
		[len(time.DateOnly)]byte(s) == p.day && s[13] == ':' && s[16] == ':' {
		hour, minute, second := two(s[11:13]), two(s[14:16]), two(s[17:19])
		if uint(hour) < 24 && uint(minute) < 60 && uint(second) < 60 {
			return time.Unix(p.midnight+int64(hour*3600+minute*60+second), 0).UTC(), true
		}
	}
	t, ok := plainTime(s)
	if ok {
		p.day = [len(time.DateOnly)]byte(s)
		p.midnight = t.Unix() / daySeconds * daySeconds
	}
	return t, ok
}

// plainTime reads the two forms of time that devices write, in UTC and with
// whole seconds or a fraction, within the years that Validate accepts.
func plainTime[T string | []byte](s T) (time.Time, bool) {
	if len(s) < len(spaced) || s[4] != '-' || s[7] != '-' || s[10] != 'T' && s[10] != ' ' || s[13] != ':' || s[16] != ':' {
		return time.Time{}, false
	}
	rest := s[len(spaced):]
	if s[10] == 'T' {
		if len(rest) == 0 || rest[len(rest)-1] != 'Z' {
			return time.Time{}, false
		}
		rest = rest[:len(rest)-1]
	}
	nanos, ok := fraction(rest)
	year := two(s[0:2])*100 + two(s[2:4])
	month, day, hour, minute, second := two(s[5:7]), two(s[8:10]), two(s[11:13]), two(s[14:16]), two(s[17:19])
	if !ok || year < earliestYear || year > latestYear || month < 1 || month > 12 || day < 1 || day > 31 ||
		uint(hour) > 23 || uint(minute) > 59 || uint(second) > 59 {
		return time.Time{}, false
	}
	t := time.Date(year, time.Month(month), day, hour, minute, second, nanos, time.UTC)
	// The 31st of a short month has become another day.
	return t, t.Day() == day
}

// two reads two digits, and returns a large negative number for anything else.
func two[T string | []byte](s T) int {
	a, b := s[0]-'0', s[1]-'0'
	if a > 9 || b > 9 {
		return math.MinInt16
	}
	return int(a)*10 + int(b)
}

// fraction reads nothing or a point and up to nine digits, as nanoseconds cut
// to microseconds.
func fraction[T string | []byte](s T) (int, bool) {
	if len(s) == 0 {
		return 0, true
	}
	const most = 9
	if s[0] != '.' || len(s) == 1 || len(s) > 1+most {
		return 0, false
	}
	nanos := 0
	for i := 1; i <= most; i++ {
		digit := byte(0)
		if i < len(s) {
			digit = s[i] - '0'
		}
		if digit > 9 {
			return 0, false
		}
		nanos = nanos*10 + int(digit)
	}
	return nanos - nanos%1000, true
}
