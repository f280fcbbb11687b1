package main

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
)

// measurement is one deploy.
type measurement struct {
	Round    int     `json:"round"`
	Row      string  `json:"row"`
	Pipeline string  `json:"pipeline"`
	Total    float64 `json:"total"`
	Stages   []stage `json:"stages"`
	// Failed is why it does not count; empty if it does.
	Failed string `json:"failed,omitempty"`
}

// median is the middle of some numbers, or the mean of the two in the middle; 0 of
// none.
func median(of []float64) float64 {
	if len(of) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(of))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// columns are the stages that both pipelines have.
var columns = [...]string{"test", "build", "infra", "lambda", "ecs"}

// seconds is how long the measured run took, or one of its stages.
func (m measurement) seconds(column string) (float64, bool) {
	if column == "" {
		return m.Total, true
	}
	i := slices.IndexFunc(m.Stages, func(s stage) bool { return s.Name == column })
	if i < 0 {
		return 0, false
	}
	return m.Stages[i].Seconds, true
}

// medianOf is the median of a column over the runs of a row that count, and how many
// those are.
func medianOf(all []measurement, row, pipeline, column string) (float64, int) {
	var values []float64
	for _, m := range all {
		if m.Row != row || m.Pipeline != pipeline || m.Failed != "" {
			continue
		}
		if s, ok := m.seconds(column); ok {
			values = append(values, s)
		}
	}
	return median(values), len(values)
}

// table shows the medians of each row, this pipeline's, the script's and their ratio.
func table(all []measurement) string {
	var rows []string
	for _, m := range all {
		if !slices.Contains(rows, m.Row) {
			rows = append(rows, m.Row)
		}
	}
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 3, ' ', 0)
	_, _ = fmt.Fprintln(w, "ROW\tPIPELINE\tRUNS\tTOTAL\t"+strings.ToUpper(strings.Join(columns[:], "\t")))
	for _, row := range rows {
		for _, pipeline := range []string{ours, classic} {
			total, n := medianOf(all, row, pipeline, "")
			_, _ = fmt.Fprintf(w, "%s\t%s\t%d\t%.1f", row, pipeline, n, total)
			for _, column := range columns {
				seconds, _ := medianOf(all, row, pipeline, column)
				_, _ = fmt.Fprintf(w, "\t%.1f", seconds)
			}
			_, _ = fmt.Fprintln(w)
		}
		_, _ = fmt.Fprintf(w, "\tratio\t\t%s", ratio(all, row, ""))
		for _, column := range columns {
			_, _ = fmt.Fprintf(w, "\t%s", ratio(all, row, column))
		}
		_, _ = fmt.Fprintln(w)
	}
	_ = w.Flush()
	return b.String()
}

// ratio is this pipeline's median by the script's; a dash where one is missing.
func ratio(all []measurement, row, column string) string {
	mine, n := medianOf(all, row, ours, column)
	theirs, k := medianOf(all, row, classic, column)
	if n == 0 || k == 0 || theirs == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", mine/theirs)
}
