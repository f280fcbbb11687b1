package reading

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Defaults fill what a reading leaves out. The zero value fills nothing.
type Defaults struct {
	SensorID string
	Metric   string
}

// FromJSON reads and validates one JSON object. Names are exact, and none may
// stand twice. Other names are ignored, and told to ignored unless that is nil;
// beside a sensor or a metric that is filled by default they are an error,
// except harmless ones: one of them may be what names it. An error about one
// field is a *FieldError.
func FromJSON(data []byte, defaults Defaults, ignored func(name string)) (Reading, error) {
	fields, others, err := object(data)
	if err != nil {
		return Reading{}, err
	}
	r := Reading{SensorID: defaults.SensorID, Metric: defaults.Metric}
	for _, name := range others {
		if err := suspect(name, &fields, r); err != nil {
			return Reading{}, err
		}
	}
	if fields[sensorID] != nil {
		if r.SensorID, err = text(sensorID, fields[sensorID]); err != nil {
			return Reading{}, err
		}
	}
	if fields[metric] != nil {
		if r.Metric, err = text(metric, fields[metric]); err != nil {
			return Reading{}, err
		}
	}
	at, err := text(timestamp, fields[timestamp])
	if err != nil {
		return Reading{}, err
	}
	if r.Timestamp, err = ParseTime(at); err != nil {
		return Reading{}, err
	}
	number := fields[value]
	switch number.Kind() {
	case jsontext.KindInvalid, jsontext.KindNull:
		return Reading{}, &FieldError{Field: "value", Reason: "is missing"}
	case jsontext.KindNumber:
	default:
		return Reading{}, &FieldError{Field: "value", Reason: "is a JSON " + kindName(number)}
	}
	if r.Value, err = ParseValue(string(number)); err != nil {
		return Reading{}, err
	}
	if ignored != nil {
		for _, name := range others {
			ignored(name)
		}
	}
	return r, r.Validate()
}

// fieldName is the exact name of a field.
func fieldName(field int) string {
	return [...]string{sensorID: "sensor_id", metric: "metric", timestamp: "timestamp", value: "value"}[field]
}

// values are the fields of an object as they stand there; nil is missing.
type values [4]jsontext.Value

// object takes one JSON object apart, and returns the other names beside those
// of a reading in their order.
func object(data []byte) (fields values, others []string, err error) {
	in := jsontext.NewDecoder(bytes.NewBuffer(data))
	if kind := in.PeekKind(); kind != jsontext.KindBeginObject && kind != jsontext.KindInvalid {
		if err := in.SkipValue(); err != nil {
			return fields, nil, JSONError(err)
		}
		return fields, nil, errors.New("not a JSON object but a JSON " + kindName(jsontext.Value(data)))
	}
	if _, err := in.ReadToken(); err != nil {
		return fields, nil, JSONError(err)
	}
	for in.PeekKind() == jsontext.KindString {
		token, err := in.ReadToken()
		if err != nil {
			return fields, nil, JSONError(err)
		}
		name := token.String()
		raw, err := in.ReadValue()
		if err != nil {
			return fields, nil, JSONError(err)
		}
		if field := fieldOf([]byte(name)); field >= 0 {
			fields[field] = raw.Clone()
			continue
		}
		others = append(others, name)
	}
	if _, err := in.ReadToken(); err != nil {
		return fields, nil, JSONError(err)
	}
	if _, err := in.ReadToken(); !errors.Is(err, io.EOF) {
		return fields, nil, errors.New("not valid JSON: something follows the object")
	}
	return fields, others, nil
}

// suspect is the error of a name that may be what names the sensor, the metric
// or another field that the object seems to leave out.
func suspect(name string, fields *values, filled Reading) error {
	if meant := FieldNamed(name); meant != "" {
		if fields[fieldOf([]byte(meant))] == nil {
			return &FieldError{Field: meant, Reason: fmt.Sprintf("is missing, and %s is not its name: write %q", quote(name), meant)}
		}
		return nil
	}
	if fields[sensorID] == nil && filled.SensorID != "" && !Harmless(name) {
		return mayStandFor(sensorID, name)
	}
	if fields[metric] == nil && filled.Metric != "" && !Harmless(name) {
		return mayStandFor(metric, name)
	}
	return nil
}

func mayStandFor(field int, name string) error {
	return &FieldError{Field: fieldName(field), Reason: fmt.Sprintf("is missing, and the unknown name %s may stand for it: write %s, or leave the other out",
		quote(name), fieldName(field))}
}

func text(field int, raw jsontext.Value) (string, error) {
	if raw == nil || field == timestamp && raw.Kind() == jsontext.KindNull {
		return "", &FieldError{Field: fieldName(field), Reason: "is missing"}
	}
	if raw.Kind() != jsontext.KindString {
		return "", &FieldError{Field: fieldName(field), Reason: "is a JSON " + kindName(raw)}
	}
	unquoted, err := jsontext.AppendUnquote(nil, raw)
	if err != nil {
		return "", &FieldError{Field: fieldName(field), Reason: "is not a JSON string"}
	}
	return string(unquoted), nil
}

func kindName(value jsontext.Value) string {
	switch value.Kind() {
	case jsontext.KindNull:
		return "null"
	case jsontext.KindTrue, jsontext.KindFalse:
		return "bool"
	case jsontext.KindString:
		return "string"
	case jsontext.KindNumber:
		return "number"
	case jsontext.KindBeginObject:
		return "object"
	default:
		return "array"
	}
}

// JSONError says what is wrong with a JSON text in the words of everything else
// here. It quotes whole characters.
func JSONError(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("not valid JSON: unexpected end of JSON input")
	}
	var syntactic *jsontext.SyntacticError
	if !errors.As(err, &syntactic) {
		return fmt.Errorf("not valid JSON: %w", err)
	}
	reason := strings.TrimPrefix(syntactic.Err.Error(), "jsontext: ")
	if errors.Is(err, jsontext.ErrDuplicateName) {
		reason = "the name " + quote(syntactic.JSONPointer.LastToken()) + " stands twice"
	}
	return fmt.Errorf("not valid JSON: %s", reason)
}
