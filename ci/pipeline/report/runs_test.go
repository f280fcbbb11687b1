package report

import (
	"strings"
	"testing"

	"dagger/sensor-backend/pipeline/record"
)

func TestRuns(t *testing.T) {
	t.Parallel()
	if got := Runs(nil); got != "no runs are recorded\n" {
		t.Errorf("got %q", got)
	}
	back := failedDeploy(t)
	back.Kind, back.Commit, back.Branch, back.Event = record.Rollback, "", "", "rollback"
	//nolint:dupword // A rollback is what started it and what it did.
	const want = `STARTED               COMMIT         BRANCH   EVENT          DID        OUTCOME    SECONDS   BY
2026-01-02 03:04:05   -              -        rollback       rollback   ✗ failed   312       ada
2026-01-02 03:04:05   0a1b2c3d4e5f   main     push           deploy     ✗ failed   312       ada
2026-01-02 03:04:05   0a1b2c3d4e5f   12       pull_request   look       ✓ passed   43        ada
`
	if got := Runs([]record.Record{back, failedDeploy(t), tested(t)}); got != want {
		t.Errorf("got\n%s", got)
	}
	pending := failedDeploy(t)
	pending.Service.Open, pending.Service.Changed = true, "service updated"
	if got := Runs([]record.Record{pending}); !strings.Contains(got, "✗ failed, open") {
		t.Errorf("got\n%s", got)
	}
	if got := Terminal(pending); !strings.Contains(got, "failed, and a deployment is open") || !strings.Contains(got, "open: it may still complete") || !strings.Contains(got, "; changed: service updated") {
		t.Errorf("got\n%s", got)
	}
	for _, name := range hostile() {
		got := Runs([]record.Record{poisoned(t, name)})
		if strings.Count(got, "\n") != 2 || strings.ContainsFunc(got, unsafe) {
			t.Errorf("%q breaks the table:\n%s", name, got)
		}
	}
}
