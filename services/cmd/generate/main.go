// Command generate writes sensor readings made from a seed to standard output:
//
//	generate -seed 1 -n 2000 > readings.csv
//	generate -seed 1 -n 2000 -format ndjson -labels labels.csv > readings.ndjson
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"sensor-backend/services/internal/generate"
	"sensor-backend/services/internal/reading"
)

func main() {
	err := run(os.Args[1:], os.Stdout, os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

type settings struct {
	options generate.Options
	format  string
	sensor  string
	metric  string
	labels  string
}

func run(args []string, stdout, stderr io.Writer) error {
	s, err := parseFlags(args, stderr)
	if err != nil {
		return err
	}
	points := generate.Points(s.options)
	out := bufio.NewWriter(stdout)
	switch s.format {
	case "csv":
		err = writeCSV(out, points)
	case "ndjson":
		err = writeNDJSON(out, points, s.sensor, s.metric)
	}
	if err == nil {
		err = out.Flush()
	}
	if err != nil {
		return fmt.Errorf("write the readings: %w", err)
	}
	if s.labels == "" {
		return nil
	}
	return writeLabels(s.labels, points)
}

func parseFlags(args []string, stderr io.Writer) (settings, error) {
	var s settings
	var start string
	flags := flag.NewFlagSet("generate", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Uint64Var(&s.options.Seed, "seed", 1, "equal seeds make equal readings")
	flags.IntVar(&s.options.Count, "n", 2000, "how many readings")
	flags.StringVar(&start, "start", "2026-01-01T00:00:00Z", "time of the first reading")
	flags.DurationVar(&s.options.Interval, "interval", 5*time.Minute, "time between readings")
	flags.StringVar(&s.format, "format", "csv", "csv (timestamp,value) or ndjson")
	flags.StringVar(&s.sensor, "sensor", "generated", "sensor_id of ndjson readings")
	flags.StringVar(&s.metric, "metric", reading.DefaultMetric, "metric of ndjson readings")
	flags.StringVar(&s.labels, "labels", "", "file to write the anomalies to, as timestamp,label")
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	var errs []error
	if flags.NArg() > 0 {
		errs = append(errs, fmt.Errorf("unexpected arguments %q", flags.Args()))
	}
	if s.options.Count < 0 {
		errs = append(errs, fmt.Errorf("-n is %d, expected 0 or more", s.options.Count))
	}
	if s.options.Interval <= 0 {
		errs = append(errs, fmt.Errorf("-interval is %s, expected more than 0", s.options.Interval))
	}
	if s.format != "csv" && s.format != "ndjson" {
		errs = append(errs, fmt.Errorf("-format is %q, expected csv or ndjson", s.format))
	}
	var err error
	if s.options.Start, err = reading.ParseTime(start); err != nil {
		errs = append(errs, fmt.Errorf("-start: %w", err))
	}
	return s, errors.Join(errs...)
}

func writeCSV(out io.Writer, points []generate.Point) error {
	if _, err := fmt.Fprintln(out, "timestamp,value"); err != nil {
		return err
	}
	for _, p := range points {
		if _, err := fmt.Fprintf(out, "%s,%s\n", p.Time.Format(time.RFC3339), strconv.FormatFloat(p.Value, 'f', -1, 64)); err != nil {
			return err
		}
	}
	return nil
}

func writeNDJSON(out io.Writer, points []generate.Point, sensor, metric string) error {
	lines := json.NewEncoder(out)
	for _, p := range points {
		if err := lines.Encode(reading.Reading{SensorID: sensor, Metric: metric, Timestamp: p.Time, Value: p.Value}); err != nil {
			return err
		}
	}
	return nil
}

func writeLabels(path string, points []generate.Point) error {
	file, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write the labels: %w", err)
	}
	out := bufio.NewWriter(file)
	_, err = fmt.Fprintln(out, "timestamp,label")
	for _, p := range points {
		if p.Label != "" && err == nil {
			_, err = fmt.Fprintf(out, "%s,%s\n", p.Time.Format(time.RFC3339), p.Label)
		}
	}
	if err := errors.Join(err, out.Flush(), file.Close()); err != nil {
		return fmt.Errorf("write the labels to %s: %w", path, err)
	}
	return nil
}
