package processor_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"sensor-backend/services/internal/processor"
)

// days cuts the noisy file into one object for each of its days.
func days(t *testing.T, w *world) []processor.Event {
	t.Helper()
	file, _ := noisy(t)
	byDay := map[string]*strings.Builder{}
	for line := range strings.Lines(strings.TrimPrefix(file, "timestamp,value\n")) {
		day := line[:len("2026-01-01")]
		if byDay[day] == nil {
			byDay[day] = &strings.Builder{}
		}
		byDay[day].WriteString(line)
	}
	events := make([]processor.Event, 0, len(byDay))
	for _, day := range slices.Sorted(maps.Keys(byDay)) {
		events = append(events, w.put("incoming/boiler/"+day+".csv", []byte(byDay[day].String())))
	}
	return events
}

func ids(alerts []processor.Alert) []string {
	all := map[string]bool{}
	for _, a := range alerts {
		all[a.ID] = true
	}
	return slices.Sorted(maps.Keys(all))
}

// known is what decides what is found in the next file.
func (w *world) known() map[processor.Series]string {
	all := map[processor.Series]string{}
	for series, s := range w.states {
		all[series] = s.Object + " " + s.Content + " " + string(s.Before) + " " + string(s.After)
	}
	return all
}

// TestDetectorGoesOn wants the same anomalies in a series whether it comes as
// one file or as one each day, and each event twice.
func TestDetectorGoesOn(t *testing.T) {
	t.Parallel()
	whole, parts := newWorld(), newWorld()
	file, anomalies := noisy(t)
	whole.mustHandle(t, whole.put(key, []byte(file)))
	for _, e := range days(t, parts) {
		parts.mustHandle(t, e, e)
	}
	if want := ids(whole.alerts); !slices.Equal(ids(parts.alerts), want) || len(parts.alerts) != anomalies {
		t.Errorf("%d alerts %v, want %v", len(parts.alerts), ids(parts.alerts), want)
	}
	series := processor.Series{SensorID: "boiler", Metric: "value"}
	if !bytes.Equal(parts.states[series].After, whole.states[series].After) {
		t.Error("the detectors differ")
	}
}

// TestLateFile wants a file from before what is known to be looked at by
// itself, and what is known to stay.
func TestLateFile(t *testing.T) {
	t.Parallel()
	w := newWorld()
	events := days(t, w)
	last := len(events) - 1
	w.mustHandle(t, events[last])
	before := w.known()
	for _, e := range events[:last] {
		w.mustHandle(t, e)
	}
	if !reflect.DeepEqual(w.known(), before) {
		t.Error("late files changed what is known")
	}
	file, _ := noisy(t)
	w.mustHandle(t, w.put(key, []byte(file[:len(file)/2])))
	if len(w.alerts) == 0 {
		t.Error("nothing was found in a late file with anomalies")
	}
}

// TestNewContentBeginsWhereTheOldBegan has an object replaced.
func TestNewContentBeginsWhereTheOldBegan(t *testing.T) {
	t.Parallel()
	replaced, whole := newWorld(), newWorld()
	events := days(t, whole)
	days(t, replaced)
	name := "incoming/boiler/2026-01-02.csv"
	right := replaced.source[name]
	whole.mustHandle(t, events[0], events[1])
	replaced.mustHandle(t, events[0], replaced.put(name, bytes.ReplaceAll(right, []byte(",8"), []byte(",9"))))
	replaced.mustHandle(t, replaced.put(name, right))
	if !reflect.DeepEqual(replaced.known(), whole.known()) {
		t.Error("the replaced content is still known")
	}
}

func TestUnreadableStateBeginsAnew(t *testing.T) {
	t.Parallel()
	w, fresh := newWorld(), newWorld()
	series := processor.Series{SensorID: "boiler", Metric: "value"}
	w.states[series] = processor.State{Before: []byte("other"), After: []byte("other"), Revision: 7}
	events := days(t, w)
	days(t, fresh)
	w.mustHandle(t, events[0])
	fresh.mustHandle(t, events[0])
	if !bytes.Equal(w.states[series].After, fresh.states[series].After) || w.states[series].Revision != 8 {
		t.Errorf("state %+v", w.states[series])
	}
}

// TestKilled ends the invocation without a word behind each of its writes, as
// SIGKILL does. While its claim lasts nobody else takes over; then the end is
// the same as if nothing had happened.
func TestKilled(t *testing.T) {
	t.Parallel()
	file, _ := noisy(t)
	lines := strings.SplitAfter(file, "\n")
	earlier := strings.Join(lines[:600], "")
	var later strings.Builder
	later.WriteString("sensor_id,metric,timestamp,value\n")
	for _, line := range lines[600 : len(lines)-1] {
		fmt.Fprintf(&later, "boiler,value,%sboiler,other,%s", line, line)
	}
	later.WriteString("oops,oops\n")
	const firstKey = "incoming/boiler/first.csv"

	start := func() (*world, processor.Event) {
		w := newWorld()
		w.parquet = true
		w.mustHandle(t, w.put(firstKey, []byte(earlier)))
		return w, w.put(key, []byte(later.String()))
	}
	whole, e := start()
	begin := len(whole.trace)
	whole.mustHandle(t, e)
	if n := len(whole.trace) - begin; n != 10 {
		t.Fatalf("%d writes: %v", n, whole.trace)
	}
	for writes := begin + 1; writes <= len(whole.trace); writes++ {
		t.Run(fmt.Sprintf("behind %d writes", writes-begin), func(t *testing.T) {
			t.Parallel()
			w, e := start()
			w.killAfter = writes
			_ = w.processor().Handle(t.Context(), e)
			if len(w.trace) != writes {
				t.Fatalf("%d writes, wanted to die behind %d", len(w.trace), writes)
			}
			w.killAfter, w.dead = -1, false
			w.owner = "two"
			last := writes == len(whole.trace)
			if err := w.processor().Handle(t.Context(), e); !last && !errors.Is(err, processor.ErrClaimed) {
				t.Fatalf("got %v, want ErrClaimed", err)
			}
			w.clock = w.clock.Add(time.Hour)
			w.mustHandle(t, e)
			if !reflect.DeepEqual(w.sink, whole.sink) || w.rows[key].Rows != whole.rows[key].Rows ||
				w.rows[key].ETag != whole.rows[key].ETag || w.rows[key].Anomalies != whole.rows[key].Anomalies {
				t.Errorf("another end: %+v", w.rows[key])
			}
			if !reflect.DeepEqual(w.known(), whole.known()) {
				t.Error("another state of the detectors")
			}
			// Killed between publishing and noting it, alerts come twice, and
			// are the same by their IDs.
			between := whole.trace[writes-1] == "alerts"
			if !slices.Equal(ids(w.alerts), ids(whole.alerts)) || len(w.alerts) != len(whole.alerts) && !between {
				t.Errorf("%d alerts with %d IDs, want %d", len(w.alerts), len(ids(w.alerts)), len(whole.alerts))
			}
		})
	}
}

// TestKilledAndOvertaken has a file of the same series come between an
// invocation's end without a word and its replay: each is taken in once.
func TestKilledAndOvertaken(t *testing.T) {
	t.Parallel()
	w, inOrder := newWorld(), newWorld()
	events := days(t, w)
	days(t, inOrder)
	inOrder.mustHandle(t, events[0], events[2])

	w.mustHandle(t, events[0])
	w.killAfter = len(w.trace) + 2 // the claim and the state
	_ = w.processor().Handle(t.Context(), events[1])
	w.killAfter, w.dead = -1, false
	w.owner = "two"

	// Nobody knows yet whether the first one lives.
	if err := w.processor().Handle(t.Context(), events[2]); !errors.Is(err, processor.ErrBusy) {
		t.Fatalf("got %v, want ErrBusy", err)
	}
	w.onPause = func() { w.clock = w.clock.Add(time.Hour) }
	w.mustHandle(t, events[2])
	series := processor.Series{SensorID: "boiler", Metric: "value"}
	if !bytes.Equal(w.states[series].After, inOrder.states[series].After) {
		t.Error("the state of a file that was never finished counts")
	}
	before := w.known()
	w.mustHandle(t, events[1])
	if w.rows["incoming/boiler/2026-01-02.csv"].Rows == 0 || !reflect.DeepEqual(w.known(), before) {
		t.Errorf("the replay is not that of a late file: %v", w.rows)
	}
}

// TestTwoFilesOfASeriesAtATime has a whole second file handled while the first
// one's state is on its way: the first begins anew behind it.
func TestTwoFilesOfASeriesAtATime(t *testing.T) {
	t.Parallel()
	w, inOrder := newWorld(), newWorld()
	events := days(t, w)
	days(t, inOrder)
	inOrder.mustHandle(t, events[0], events[1])
	paused := 0
	w.onPause = func() { paused++ }
	inner := false
	p := w.processor()
	p.States = hooked{states{w}, func() {
		if !inner {
			inner = true
			w.mustHandle(t, events[0])
		}
	}}
	if err := p.Handle(t.Context(), events[1]); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(w.known(), inOrder.known()) || paused != 1 {
		t.Errorf("%d pauses, another state of the detectors", paused)
	}
}

// hooked calls before each write.
type hooked struct {
	states
	before func()
}

func (h hooked) Save(ctx context.Context, s processor.State) error {
	h.before()
	return h.states.Save(ctx, s)
}

// TestOrderOfRowsDoesNotMatter has a series in one file, in order, newest first,
// shuffled, and between the rows of another series: the same is found.
func TestOrderOfRowsDoesNotMatter(t *testing.T) {
	t.Parallel()
	file, anomalies := noisy(t)
	header, body, _ := strings.Cut(strings.TrimSpace(file), "\n")
	rows := strings.Split(body, "\n")
	reversed := slices.Clone(rows)
	slices.Reverse(reversed)
	shuffled := slices.Clone(rows)
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	var between strings.Builder
	between.WriteString("sensor_id,metric,timestamp,value\n")
	for i, row := range reversed {
		fmt.Fprintf(&between, "boiler,value,%s\n", row)
		fmt.Fprintf(&between, "pump,value,%s,%d\n", strings.Split(rows[i], ",")[0], 5)
	}
	var want []string
	for name, content := range map[string]string{
		"in order": file, "newest first": header + "\n" + strings.Join(reversed, "\n"),
		"shuffled": header + "\n" + strings.Join(shuffled, "\n"), "between others": between.String(),
	} {
		w := newWorld()
		w.mustHandle(t, w.put(key, []byte(content)))
		if got := ids(w.alerts); len(got) != anomalies || want != nil && !slices.Equal(got, want) {
			t.Errorf("%s: %d alerts %v, want %d %v", name, len(got), got, anomalies, want)
		} else {
			want = got
		}
		if !slices.IsSortedFunc(w.alerts, func(a, b processor.Alert) int { return a.Timestamp.Compare(b.Timestamp) }) {
			t.Errorf("%s: the alerts are not in the order of time", name)
		}
	}
}
