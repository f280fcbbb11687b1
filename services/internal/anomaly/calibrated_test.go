package anomaly_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"sensor-backend/services/internal/anomaly"
)

// TestCalibrated holds the score to what it says: of noise without anomalies, about one
// reading in ten to the power of the score has it or more, whatever the noise is like.
func TestCalibrated(t *testing.T) {
	t.Parallel()
	noises := map[string]func(r *rand.Rand, i int) float64{
		"normal":      func(r *rand.Rand, _ int) float64 { return r.NormFloat64() },
		"uniform":     func(r *rand.Rand, _ int) float64 { return 1e6 * r.Float64() },
		"exponential": func(r *rand.Rand, _ int) float64 { return 1e-3 * r.ExpFloat64() },
		"heavy tail":  func(r *rand.Rand, _ int) float64 { return math.Exp(r.NormFloat64()) },
		"whole":       func(r *rand.Rand, _ int) float64 { return float64(r.IntN(20)) },
		"daily wave": func(r *rand.Rand, i int) float64 {
			return 80 + 2*math.Sin(2*math.Pi*float64(i)/288) + 0.4*r.NormFloat64()
		},
	}
	for name, noise := range noises {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const readings, series = 10_000, 10
			scores := []float64{1.5, 2, 2.5, 3}
			found := make([]int, len(scores))
			options := anomaly.Default()
			options.Threshold, options.Quiet, options.Flat = scores[0], 0, readings
			for seed := range uint64(series) {
				random := rand.New(rand.NewPCG(seed, 1))
				d := anomaly.New(options)
				for i := range readings {
					for _, f := range d.Observe(start.Add(time.Duration(i)*5*time.Minute), noise(random, i), nil) {
						for at, score := range scores {
							if f.Score >= score {
								found[at]++
							}
						}
					}
				}
			}
			for at, score := range scores {
				share := float64(found[at]) / (readings * series)
				times := share / math.Pow(10, -score)
				t.Logf("score %.1f: %.2f times as often as it says", score, times)
				if times < 1.0/8 || times > 2 {
					t.Errorf("a score of %.1f is met in %.5f of the readings", score, share)
				}
			}
		})
	}
}
