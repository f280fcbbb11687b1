package anomaly

import (
	"math"
	"time"
)

// The views of a value, in the order of the state.
const (
	viewValue   = iota // the value itself
	viewChange         // against the value before it
	viewRecent         // against the last five or so
	viewLevel          // the mean of the last forty or so
	viewShift          // the mean of the last ten or so against that of the last thousand
	viewScatter        // the scatter of the last hundred or so
	viewDay            // the mean of the last ten or so against the usual at this hour of the day
	viewWeek           // the same at this hour of the week
	views
)

// The weights of a new value in the means; a mean over n values has one of 2/(n+1).
const (
	recentWeight  = 0.2
	tenWeight     = 2.0 / 11
	fortyWeight   = 2.0 / 41
	hundredWeight = 2.0 / 101
	longWeight    = 0.003
	dayWeight     = 0.1  // of an hour that is over in the usual of this hour of the day
	weekWeight    = 0.15 // and of the week
)

const (
	hoursOfDay  = 24
	hoursOfWeek = 168
)

// series is what the views know of a series.
type series struct {
	before                   float64 // the value before
	recent, ten, forty, long level
	scatter                  spread
	day                      [hoursOfDay]level
	week                     [hoursOfWeek]level
	hour                     int
	hourly                   level
	rarities                 [views]rarity
	judged                   [views]seen
}

func newSeries(opts *Options) series {
	var s series
	for i := range s.rarities {
		s.rarities[i] = newRarity(opts)
	}
	return s
}

// observe takes the next value and judges it in every view. One that is apart, the
// first or behind a gap, cannot be told from the one before: nobody knows how fast the
// change came.
func (s *series) observe(at time.Time, x float64, apart bool) *[views]seen {
	look := func(view int, x float64) { s.judged[view] = s.rarities[view].observe(x) }
	look(viewValue, x)
	if s.judged[viewChange], s.judged[viewRecent] = (seen{}), (seen{}); !apart {
		look(viewChange, x-s.before)
		look(viewRecent, x-s.recent.mean)
	}
	s.before = x
	s.recent.add(x, recentWeight)
	s.ten.add(x, tenWeight)
	s.forty.add(x, fortyWeight)
	s.long.add(x, longWeight)
	s.scatter.add(x, hundredWeight)
	ten := s.ten.mean
	look(viewLevel, s.forty.mean)
	look(viewShift, ten-s.long.mean)
	look(viewScatter, math.Log(math.Sqrt(s.scatter.variance)+floor(ten)))
	s.season(hourOf(at), ten, x)
	return &s.judged
}

// season judges against the usual of an hour, once it was there before, and learns
// an hour when it is over.
func (s *series) season(hour int, ten, x float64) {
	if hour != s.hour {
		if s.hourly.count > 0 {
			s.day[s.hour%hoursOfDay].add(s.hourly.mean, dayWeight)
			s.week[s.hour].add(s.hourly.mean, weekWeight)
		}
		s.hour, s.hourly = hour, level{}
	}
	s.hourly.add(x, 0)
	s.seasonal(viewDay, &s.day[hour%hoursOfDay], ten)
	s.seasonal(viewWeek, &s.week[hour], ten)
}

func (s *series) seasonal(view int, usual *level, ten float64) {
	s.judged[view] = seen{}
	if usual.count > 0 {
		s.judged[view] = s.rarities[view].observe(ten - usual.mean)
	}
}

// late takes a value that came behind its time: only the value itself says something.
func (s *series) late(x float64) { s.rarities[viewValue].observe(x) }

// hourOf is the hour of the week of a time, in UTC, from the beginning of a Thursday.
func hourOf(at time.Time) int {
	const hour = 3600
	n := at.Unix() / hour
	if at.Unix() < 0 && at.Unix()%hour != 0 {
		n--
	}
	return int((n%hoursOfWeek + hoursOfWeek) % hoursOfWeek)
}
