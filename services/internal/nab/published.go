package nab

// Published is the score of a detector that the benchmark publishes, with the threshold
// that is best for all of its series.
type Published struct {
	Name string
	// Scores are by profile, in the order of Profiles.
	Scores [3]float64
}

// WholeBenchmark is how many series the benchmark has. On fewer of them a score does not
// stand beside a published one.
const WholeBenchmark = 58

// Leaderboard lists what the benchmark's README publishes, without the detectors that
// look ahead.
func Leaderboard() []Published {
	return []Published{
		{"ARTime", [3]float64{74.9, 65.2, 80.4}},
		{"numenta", [3]float64{70.1, 63.2, 74.3}},
		{"contextOSE", [3]float64{69.9, 67.0, 73.2}},
		{"htmjava", [3]float64{66.1, 58.8, 70.7}},
		{"earthgecko Skyline", [3]float64{58.2, 46.2, 63.8}},
		{"knncad", [3]float64{58.0, 43.4, 64.8}},
		{"relativeEntropy", [3]float64{54.6, 47.6, 58.8}},
		{"randomCutForest", [3]float64{51.7, 38.4, 59.7}},
		{"windowedGaussian", [3]float64{39.6, 20.9, 47.4}},
	}
}
