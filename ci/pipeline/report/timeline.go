package report

import (
	"fmt"
	"math"

	"dagger/sensor-backend/pipeline/record"
)

// timeline is the picture of the stages: one row each, its name over a bar. The
// horizontal measures are percentages, so that the picture fits any width with
// its text unscaled; the vertical ones are pixels.
type timeline struct {
	Height, AxisY int
	Ticks         []tick
	Bars          []bar
	// Summary says in words what the picture shows.
	Summary string
}

type tick struct {
	X, Anchor, Label string
}

type bar struct {
	Row           int
	TextY, BarY   int
	X, Width      string
	Class         string
	Label, Detail string
}

const (
	rowHeight = 44
	axisRoom  = 26
	// thinnest is the width of a bar that would not be seen otherwise.
	thinnest = 0.6
)

func draw(r record.Record) timeline {
	total := r.Ended.Sub(r.Started).Seconds()
	for _, s := range r.Stages {
		total = max(total, s.Offset+s.Seconds)
	}
	t := timeline{AxisY: rowHeight * len(r.Stages), Height: rowHeight*len(r.Stages) + axisRoom}
	percent := func(seconds float64) float64 {
		if total == 0 {
			return 0
		}
		return 100 * seconds / total
	}
	for i, s := range r.Stages {
		width := max(percent(s.Seconds), thinnest)
		b := bar{
			Row: i, TextY: rowHeight*i + 16, BarY: rowHeight*i + 22, Class: string(s.Outcome),
			X: fmt.Sprintf("%.2f%%", min(percent(s.Offset), 100-width)), Width: fmt.Sprintf("%.2f%%", width),
			Label: sign(string(s.Outcome)) + " " + plain(s.Name, 30),
		}
		if s.Seconds > 0 || s.Offset > 0 {
			b.Detail = length(s.Seconds)
		} else {
			b.Detail, b.Width = string(s.Outcome), "0%"
		}
		t.Bars = append(t.Bars, b)
		t.Summary += fmt.Sprintf("%s %s", plain(s.Name, 30), s.Outcome)
		if s.Seconds > 0 {
			t.Summary += fmt.Sprintf(" after %s, begun at %s", length(s.Seconds), length(s.Offset))
		}
		t.Summary += ". "
	}
	step := tickStep(total)
	for at := 0.0; step > 0 && at <= total; at += step {
		one := tick{X: fmt.Sprintf("%.2f%%", percent(at)), Anchor: "middle", Label: clock(at)}
		switch {
		case at == 0:
			one.Anchor = "start"
		case percent(at) > 94:
			one.Anchor = "end"
		}
		t.Ticks = append(t.Ticks, one)
	}
	return t
}

// tickStep is a round number of seconds that gives at most six steps.
func tickStep(total float64) float64 {
	for _, step := range []float64{0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 4 * 3600, 8 * 3600, 24 * 3600} {
		if total > 0 && total/step <= 6 {
			return step
		}
	}
	return total
}

// clock writes seconds as an axis does: 0.5 s, 2 min, 90 s as 1:30.
func clock(seconds float64) string {
	switch whole := int(math.Round(seconds)); {
	case seconds == 0:
		return "0"
	case seconds < 60:
		return fmt.Sprintf("%g s", math.Round(seconds*10)/10)
	case whole < 3600 && whole%60 == 0:
		return fmt.Sprintf("%d min", whole/60)
	case whole < 3600:
		return fmt.Sprintf("%d:%02d", whole/60, whole%60)
	default:
		return fmt.Sprintf("%d:%02d h", whole/3600, whole/60%60)
	}
}
