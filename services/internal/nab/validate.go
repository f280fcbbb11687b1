package nab

import "math/rand/v2"

// Fixed scores a detector with one threshold on all series.
func Fixed(all []Series, d Detector, threshold float64, by Profile) Part {
	var sum Part
	for _, s := range all {
		sum = sum.Add(s.Score(d.Alarms(s, threshold), by))
	}
	return sum
}

// HeldOut scores a detector by cross-validation: the series are dealt into folds, as
// often as there are rounds; on each fold counts the threshold that scores best on the
// others, taken together with its neighbours, since a peak is luck. The sum is over
// rounds.
func HeldOut(all []Series, d Detector, by Profile, folds, rounds int) Part {
	parts := make([][]Part, len(all)) // by series and threshold
	for i, s := range all {
		for _, threshold := range d.Thresholds {
			parts[i] = append(parts[i], s.Score(d.Alarms(s, threshold), by))
		}
	}
	random := rand.New(rand.NewPCG(1, 1)) //nolint:gosec // reproducible on purpose
	var sum Part
	for range rounds {
		dealt := random.Perm(len(all))
		for fold := range folds {
			train := make([]Part, len(d.Thresholds))
			for place, i := range dealt {
				if place%folds == fold {
					continue
				}
				for t := range train {
					train[t] = train[t].Add(parts[i][t])
				}
			}
			chosen := smoothBest(train, by)
			for place, i := range dealt {
				if place%folds == fold {
					sum = sum.Add(parts[i][chosen])
				}
			}
		}
	}
	return sum
}

// smoothBest is the threshold whose score, with those of its neighbours, is the best.
func smoothBest(train []Part, by Profile) int {
	const reach = 2
	best, most := 0, -1e9
	for t := range train {
		near := train[max(0, t-reach):min(len(train), t+reach+1)]
		mean := 0.0
		for _, p := range near {
			mean += p.Score(by) / float64(len(near))
		}
		if mean > most {
			best, most = t, mean
		}
	}
	return best
}
