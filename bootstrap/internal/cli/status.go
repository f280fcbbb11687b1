package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"sensor-backend/bootstrap/internal/engine"
	"sensor-backend/bootstrap/internal/plan"
	"sensor-backend/bootstrap/internal/preflight"
	"sensor-backend/bootstrap/internal/step"
	"sensor-backend/bootstrap/internal/table"
)

// statusLimit is how long status waits for the engine's answer.
const statusLimit = 10 * time.Second

// status prints what is there. It builds and starts nothing.
func (a App) status(ctx context.Context) error {
	mode, why, err := preflight.ChooseMode(a.tools(ctx))
	if err != nil {
		return err
	}
	if mode == preflight.UseInstalled {
		_, err := fmt.Fprintf(a.Out, "%s: nothing else is needed\n", why)
		return err
	}
	p, err := a.plan(ctx)
	if err != nil {
		return err
	}
	rows := [][]string{{"PART", "STATE", "WHAT", "SIZE", "TOOK"}}
	steps, err := p.CLI()
	if mode == preflight.Full {
		if err == nil {
			steps, err = p.Build()
		}
		rows = append(rows, a.processRow(ctx, p, engineProcess, engine.Address), a.processRow(ctx, p, registryProcess, registryAddress))
	}
	if err != nil {
		return err
	}
	built, err := stepRows(&step.Runner{Cache: a.Cache}, steps)
	if err != nil {
		return err
	}
	if err := table.Write(a.Out, append(rows, built...)); err != nil {
		return err
	}
	free, err := preflight.Free(string(a.Cache))
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.Out, "\nkept in %s, %s free\n", a.Cache, table.Bytes(int64(min(free, 1<<62))))
	return err
}

func (a App) processRow(ctx context.Context, p plan.Plan, name, address string) []string {
	rec, running := a.Procs.Running(name)
	if !running {
		return []string{name, "stopped", address}
	}
	what := fmt.Sprintf("%s, process %d since %s", address, rec.ID.PID, rec.Started.Format(time.DateTime))
	if name == engineProcess {
		if _, err := os.Stat(p.Query()); errors.Is(err, fs.ErrNotExist) {
			return []string{name, "running", what + ", not asked: up builds the check"}
		}
		version, err := a.askEngine(ctx, p, statusLimit, io.Discard)
		if err != nil {
			return []string{name, "not answering", fmt.Sprintf("%s: %v", what, err)}
		}
		what = version + " at " + what
	}
	return []string{name, "running", what}
}

func stepRows(runner *step.Runner, steps []step.Step) ([][]string, error) {
	keys, err := step.Keys(steps)
	if err != nil {
		return nil, err
	}
	var rows [][]string
	for _, s := range steps {
		state := runner.State(s, keys[s.Name])
		row := []string{s.Name, string(state), s.About, "", ""}
		if state != step.Missing {
			size, err := diskUse(s.Files)
			if err != nil {
				return nil, err
			}
			if size > 0 {
				row[3] = table.Bytes(size)
			}
			if stamp, ok := runner.Stamp(s.Name); ok {
				row[4] = step.Duration(time.Duration(stamp.Seconds * float64(time.Second)))
			}
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// diskUse adds up the sizes of files and of what is in directories.
func diskUse(paths []string) (int64, error) {
	var total int64
	for _, path := range paths {
		err := filepath.WalkDir(path, func(_ string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			info, err := d.Info()
			if err == nil {
				total += info.Size()
			}
			return err
		})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return 0, fmt.Errorf("measure %s: %w", path, err)
		}
	}
	return total, nil
}
