//go:build race

package processor_test

// underRace tells that the race detector slows everything down.
const underRace = true
