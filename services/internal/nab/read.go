package nab

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"sensor-backend/services/internal/objectkey"
	"sensor-backend/services/internal/parse"
	"sensor-backend/services/internal/reading"
)

// windowForm is how the benchmark writes the times of a window.
const windowForm = "2006-01-02 15:04:05.000000"

// Read reads the series of a directory that labels, a JSON file in it, names with their
// windows, sorted by name, by the parser that the processor reads files with.
func Read(dir, labels string) ([]Series, error) {
	raw, err := os.ReadFile(filepath.Join(dir, labels))
	if err != nil {
		return nil, fmt.Errorf("read the labels: %w", err)
	}
	var windows map[string][][2]string
	if err := json.Unmarshal(raw, &windows); err != nil {
		return nil, fmt.Errorf("read the labels in %s: %w", labels, err)
	}
	all := make([]Series, 0, len(windows))
	for name, labelled := range windows {
		s, err := read(dir, name, labelled)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b Series) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return all, nil
}

func read(dir, name string, labelled [][2]string) (Series, error) {
	s := Series{Name: name}
	file, err := os.Open(filepath.Join(dir, name))
	if err != nil {
		return s, err
	}
	defer func() { _ = file.Close() }()
	options := parse.Options{
		Format: objectkey.CSV, Limits: parse.DefaultLimits(), Defaults: reading.Defaults{SensorID: "benchmark", Metric: "value"},
	}
	for row, err := range parse.Rows(file, options) {
		switch {
		case err != nil:
			return s, err
		case row.Err != nil:
			return s, fmt.Errorf("line %d: %w", row.Line, row.Err)
		}
		s.Times, s.Values = append(s.Times, row.Reading.Timestamp), append(s.Values, row.Reading.Value)
	}
	for _, texts := range labelled {
		var w [2]int
		for i, text := range texts {
			at, err := time.Parse(windowForm, text)
			if err != nil {
				return s, fmt.Errorf("the label %q: %w", text, err)
			}
			place, found := slices.BinarySearchFunc(s.Times, at, time.Time.Compare)
			if !found {
				return s, fmt.Errorf("there is no reading at the label %s", text)
			}
			w[i] = place
		}
		s.Windows = append(s.Windows, w)
	}
	return s, nil
}
