package anomaly

import (
	"fmt"
	"math"
)

// words say what a view saw, low and high.
func words(view int, s seen) string {
	pick := func(low, high string) string {
		if s.high {
			return high
		}
		return low
	}
	switch view {
	case viewValue:
		if s.record {
			return pick("the value is below all before it", "the value is above all before it")
		}
		return pick("the value is rarely that low", "the value is rarely that high")
	case viewChange:
		return pick("it fell from the reading before as rarely", "it rose from the reading before as rarely")
	case viewRecent:
		return pick("it is far below the last readings", "it is far above the last readings")
	case viewLevel:
		return pick("the last forty readings are low", "the last forty readings are high")
	case viewShift:
		return pick("the last ten readings are below what was usual for long", "the last ten readings are above what was usual for long")
	case viewScatter:
		return pick("the readings scatter less than usual", "the readings scatter more than usual")
	case viewDay:
		return pick("the last readings are low for this hour of the day", "the last readings are high for this hour of the day")
	default:
		return pick("the last readings are low for this hour of the week", "the last readings are high for this hour of the week")
	}
}

// kindOf is the kind of anomaly that a view sees.
func kindOf(view int, s seen) Kind {
	switch view {
	case viewValue:
		if s.record {
			return OutOfRange
		}
		return Level
	case viewChange, viewRecent:
		return Rate
	case viewScatter:
		return Scatter
	case viewDay, viewWeek:
		return Season
	default:
		return Level
	}
}

// oneIn says a surprise in words.
func oneIn(surprise float64) string {
	const exact = 6 // powers of ten that are worth a number
	if surprise > exact {
		return "less than one reading in a million"
	}
	n := math.Pow(10, surprise)
	digits := math.Pow(10, math.Floor(math.Log10(n))-1)
	return fmt.Sprintf("about one reading in %.0f", math.Round(n/digits)*digits)
}
