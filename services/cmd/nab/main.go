// Command nab scores the processor's detector on labelled series, in the layout of the
// Numenta Anomaly Benchmark, beside two plain ones and what the benchmark publishes of
// others:
//
//	go run ./cmd/nab DIRECTORY
//
// DIRECTORY holds the series and windows.json with their labels. Each detector is scored
// with the threshold that it runs with, and by cross-validation with the best one.
package main

import (
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"sensor-backend/services/internal/nab"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "nab:", err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	if len(args) != 1 {
		return fmt.Errorf("give the directory with the labelled series and windows.json, not %d arguments", len(args))
	}
	all, err := nab.Read(args[0], "windows.json")
	if err != nil {
		return err
	}
	const folds, rounds = 5, 20
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "DETECTOR\tPROFILE\tSHIPPED\tHELD OUT\tWINDOWS FOUND\tFALSE ALARMS IN 1,000")
	for _, d := range nab.Detectors() {
		for _, profile := range nab.Profiles() {
			shipped := nab.Fixed(all, d, d.Shipped, profile)
			heldOut := nab.HeldOut(all, d, profile, folds, rounds)
			_, _ = fmt.Fprintf(table, "%s\t%s\t%.1f\t%.1f\t%d of %d\t%.2f\n", d.Name, profile.Name,
				shipped.Score(profile), heldOut.Score(profile), shipped.Found, shipped.Windows, shipped.FalseRate())
		}
	}
	_, _ = fmt.Fprintln(table, "\t\t\t\t\t\nPUBLISHED\tSTANDARD\tLOW FP\tLOW FN\t\t")
	for _, p := range nab.Leaderboard() {
		_, _ = fmt.Fprintf(table, "%s\t%.1f\t%.1f\t%.1f\t\t\n", p.Name, p.Scores[0], p.Scores[1], p.Scores[2])
	}
	if err := table.Flush(); err != nil {
		return err
	}
	rows := 0
	for _, s := range all {
		rows += len(s.Values)
	}
	_, err = fmt.Fprintf(out, "%d series, %d readings. SHIPPED: with the threshold it runs with. HELD OUT: %d-fold cross-validation, %d rounds,\nthe threshold chosen on the other folds. PUBLISHED: on all %d series of the benchmark, with the best threshold.\n",
		len(all), rows, folds, rounds, nab.WholeBenchmark)
	if err == nil && len(all) != nab.WholeBenchmark {
		_, err = fmt.Fprintf(out, "These are %d series: the published scores do not stand beside the others.\n", len(all))
	}
	return err
}
