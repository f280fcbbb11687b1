package anomaly

// level is an exponentially weighted mean, and a plain one while it is young.
type level struct {
	mean  float64
	count uint32
}

func (l *level) add(x, weight float64) {
	const enough = 1 << 20
	if l.count < enough {
		l.count++
	}
	l.mean += max(weight, 1/float64(l.count)) * (x - l.mean)
}

// spread is an exponentially weighted variance about a mean of its own.
type spread struct {
	level
	variance float64
}

func (s *spread) add(x, weight float64) {
	from := x - s.mean
	s.level.add(x, weight)
	w := max(weight, 1/float64(s.count))
	s.variance = (1 - w) * (s.variance + w*from*from)
}
