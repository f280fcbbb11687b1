package parse

import (
	"bytes"

	"sensor-backend/services/internal/reading"
)

// plainRecords reads CSV records without quotation marks whose fields are
// plain, without a copy of the line. The others are read the long way, which
// also says what is wrong with them.
type plainRecords struct {
	plain  reading.Plain
	fields [][]byte
}

func (p *plainRecords) read(line []byte, layout *columns, r *reading.Reading) bool {
	if layout == nil || bytes.IndexByte(line, '"') >= 0 {
		return false
	}
	p.fields = p.fields[:0]
	for rest, more := line, true; more; {
		var field []byte
		field, rest, more = bytes.Cut(rest, []byte{','})
		p.fields = append(p.fields, bytes.TrimSpace(field))
	}
	if len(p.fields) != layout.count {
		return false
	}
	return p.plain.Fields(r, p.at(layout.sensor), p.at(layout.metric), p.fields[layout.timestamp], p.fields[layout.value])
}

// at returns the field in a column, which is there even where it is empty.
func (p *plainRecords) at(column int) reading.Field {
	if column < 0 {
		return reading.Field{}
	}
	return reading.Field{Text: p.fields[column], There: true}
}
