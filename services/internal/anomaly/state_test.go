package anomaly_test

import (
	"bytes"
	"errors"
	"math"
	"reflect"
	"testing"
	"time"

	"sensor-backend/services/internal/anomaly"
	"sensor-backend/services/internal/generate"
)

// TestResume cuts a series anywhere: what is found must be the same as if one
// detector had seen it all.
func TestResume(t *testing.T) {
	t.Parallel()
	points := generate.Points(generate.Options{Seed: 3, Count: 6000, Start: start, Interval: 5 * time.Minute})
	whole := anomaly.New(anomaly.Default())
	parts := anomaly.New(anomaly.Default())
	for i, p := range points {
		if i < 350 || i%97 == 0 {
			parts = reborn(t, parts)
		}
		want := whole.Observe(p.Time, p.Value, nil)
		if got := parts.Observe(p.Time, p.Value, nil); !reflect.DeepEqual(got, want) {
			t.Fatalf("reading %d: found %v, want %v", i, got, want)
		}
	}
	a, _ := whole.MarshalBinary()
	b, _ := parts.MarshalBinary()
	if !bytes.Equal(a, b) {
		t.Error("the states differ")
	}
	if len(a) > 4<<10 {
		t.Errorf("a state has %d bytes, more than four of DynamoDB's units", len(a))
	}
	if !parts.Last().Equal(points[len(points)-1].Time) {
		t.Errorf("last reading at %s", parts.Last())
	}
}

func reborn(t *testing.T, d *anomaly.Detector) *anomaly.Detector {
	t.Helper()
	state, err := d.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	again, err := anomaly.Resume(anomaly.Default(), state)
	if err != nil {
		t.Fatal(err)
	}
	return again
}

func TestResumeRefusesOtherBytes(t *testing.T) {
	t.Parallel()
	good, _ := anomaly.New(anomaly.Default()).MarshalBinary()
	later := bytes.Clone(good)
	later[0]++
	nan := bytes.Clone(good)
	for i := range 8 {
		nan[26+i] = 0xff // the last value
	}
	for name, state := range map[string][]byte{
		"nothing": nil, "another version": later, "cut off": good[:len(good)-1], "too long": append(bytes.Clone(good), 0),
		"not a number": nan,
	} {
		if _, err := anomaly.Resume(anomaly.Default(), state); !errors.Is(err, anomaly.ErrState) {
			t.Errorf("%s: %v, want ErrState", name, err)
		}
	}
}

func FuzzResume(f *testing.F) {
	d := anomaly.New(anomaly.Default())
	for i, p := range generate.Points(generate.Options{Seed: 1, Count: 200, Start: start, Interval: time.Hour}) {
		if i%60 == 0 {
			state, _ := d.MarshalBinary()
			f.Add(state)
		}
		d.Observe(p.Time, p.Value, nil)
	}
	f.Fuzz(func(t *testing.T, state []byte) {
		d, err := anomaly.Resume(anomaly.Default(), state)
		if err != nil {
			return
		}
		at := d.Last()
		for i := range 150 {
			at = at.Add(time.Minute)
			for _, found := range d.Observe(at, float64(i%7), nil) {
				if math.IsNaN(found.Score) {
					t.Errorf("score %v", found.Score)
				}
			}
		}
		if _, err := d.MarshalBinary(); err != nil {
			t.Error(err)
		}
	})
}
