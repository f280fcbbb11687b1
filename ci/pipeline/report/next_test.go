package report

import (
	"strings"
	"testing"

	"dagger/sensor-backend/pipeline"
	"dagger/sensor-backend/pipeline/record"
)

func TestNext(t *testing.T) {
	t.Parallel()
	account := Place{Flags: "$flags --environment prod", Page: "https://sensors.example"}
	for _, c := range []struct {
		name string
		run  record.Record
		at   Place
		// want are the beginnings of the lines behind "Next:".
		want []string
	}{
		{"no environment", tested(t), account, nil},
		{"passed in an account", goodDeploy(t), account, []string{
			"https://sensors.example", "dagger call $flags --environment prod status", "dagger call $flags --environment prod logs ", "dagger call $flags --environment prod rollback",
		}},
		{"failed", failedDeploy(t), account, []string{
			"https://sensors.example", "dagger call $flags --environment prod status", "dagger call $flags --environment prod logs ", "dagger call $flags --environment prod history",
		}},
		{"a Lambda that failed", func() record.Record {
			r := failedDeploy(t)
			r.Stages[3].Outcome, r.Stages[4].Outcome = pipeline.Failed, pipeline.Passed
			return r
		}(), Place{}, []string{"dagger call status", "dagger call logs --of processor"}},
		{"open", func() record.Record {
			r := failedDeploy(t)
			r.Service.Open = true
			return r
		}(), Place{}, []string{"dagger call status", "dagger call deploy ", "dagger call rollback"}},
		{"an emulated AWS that stays", goodDeploy(t), EmulatedPlace(false), []string{
			"http://localhost:8000 ", "dagger call --emulator tcp://localhost:4566 status", "dagger call --emulator tcp://localhost:4566 logs", "dagger call --emulator tcp://localhost:4566 rollback",
		}},
		{"one that is gone", failedDeploy(t), EmulatedPlace(true), []string{
			"dagger call emulator up", "dagger call --emulator tcp://localhost:4566 deploy", "http://localhost:8000 ",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := Next(c.run, c.at)
			if len(c.want) == 0 {
				if got != "" {
					t.Errorf("it says\n%s", got)
				}
				return
			}
			lines := strings.Split(strings.TrimSpace(got), "\n")
			if len(lines) != len(c.want)+1 || lines[0] != "Next:" {
				t.Fatalf("it says\n%s", got)
			}
			for i, want := range c.want {
				if !strings.HasPrefix(lines[i+1], "  "+want) {
					t.Errorf("line %d is %q, want %q", i+1, lines[i+1], want)
				}
			}
		})
	}
}
