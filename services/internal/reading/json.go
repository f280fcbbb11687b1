package reading

import (
	"encoding/json"
	"errors"
)

// Defaults fill what a JSON reading leaves out. The zero value fills nothing.
type Defaults struct {
	SensorID string
	Metric   string
}

// wire tells a missing field from an empty one, and keeps the number's text
// so that a value too large for a float64 is an error of its own field.
type wire struct {
	SensorID  *string         `json:"sensor_id"`
	Metric    *string         `json:"metric"`
	Timestamp *string         `json:"timestamp"`
	Value     json.RawMessage `json:"value"`
}

// FromJSON reads and validates one JSON object; unknown fields are ignored.
// An error about one field is a *FieldError.
func FromJSON(data []byte, defaults Defaults) (Reading, error) {
	var w wire
	if err := json.Unmarshal(data, &w); err != nil {
		return Reading{}, jsonError(err)
	}
	r := Reading{SensorID: defaults.SensorID, Metric: defaults.Metric}
	if w.SensorID != nil {
		r.SensorID = *w.SensorID
	}
	if w.Metric != nil {
		r.Metric = *w.Metric
	}
	if w.Timestamp == nil {
		return Reading{}, &FieldError{Field: "timestamp", Reason: "is missing"}
	}
	if w.Value == nil || string(w.Value) == "null" {
		return Reading{}, &FieldError{Field: "value", Reason: "is missing"}
	}
	var err error
	if r.Timestamp, err = ParseTime(*w.Timestamp); err != nil {
		return Reading{}, err
	}
	if r.Value, err = ParseValue(string(w.Value)); err != nil {
		return Reading{}, err
	}
	return r, r.Validate()
}

func jsonError(err error) error {
	var mismatch *json.UnmarshalTypeError
	if errors.As(err, &mismatch) && mismatch.Field != "" {
		return &FieldError{Field: mismatch.Field, Reason: "is a JSON " + mismatch.Value}
	}
	if errors.As(err, &mismatch) {
		return errors.New("not a JSON object but a JSON " + mismatch.Value)
	}
	return errors.New("not valid JSON: " + err.Error())
}
