package pipeline

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
)

func TestJournal(t *testing.T) {
	t.Parallel()
	var j Journal
	for _, line := range []string{
		"12:00:01 ecs: starting\n", "target: the emulated AWS\n", "12:00:02 target: the emulated AWS", "12:00:03 lambda: starting",
		"12:00:04 ecs: FAILED: rolled back\nnext: look at the log\n", "ecs: no time", "12:00:05 Deploy: not a stage's name", "",
	} {
		j.Note(line)
	}
	if got, want := j.Of("ecs"), []string{"12:00:01 ecs: starting", "12:00:04 ecs: FAILED: rolled back", "next: look at the log"}; !slices.Equal(got, want) {
		t.Errorf("ecs said %q, want %q", got, want)
	}
	if got := j.Of("lambda"); len(got) != 1 {
		t.Errorf("lambda said %q", got)
	}
	if got := j.Of("smoke"); len(got) != 0 {
		t.Errorf("smoke, which did not run, said %q", got)
	}
}

func TestJournalKeepsFirstAndLast(t *testing.T) {
	t.Parallel()
	var j Journal
	const all = 1000
	for i := range all {
		j.Note(fmt.Sprintf("12:00:00 ecs: line %d", i))
	}
	got := j.Of("ecs")
	if len(got) != mostFirst+mostLast+1 || !strings.HasSuffix(got[0], "line 0") || !strings.HasSuffix(got[len(got)-1], "line 999") {
		t.Fatalf("%d lines from %q to %q", len(got), got[0], got[len(got)-1])
	}
	if want := fmt.Sprintf("… %d lines are left out …", all-mostFirst-mostLast); got[mostFirst] != want {
		t.Errorf("the middle says %q, want %q", got[mostFirst], want)
	}
	if got := j.Of("ecs"); len(got) != mostFirst+mostLast+1 {
		t.Errorf("asked again it gives %d lines", len(got))
	}
}

func TestJournalOfMany(t *testing.T) {
	t.Parallel()
	var (
		j  Journal
		wg sync.WaitGroup
	)
	for _, stage := range []string{"ecs", "lambda"} {
		wg.Go(func() {
			for range 50 {
				j.Note("12:00:00 " + stage + ": working")
			}
		})
	}
	wg.Wait()
	if len(j.Of("ecs")) != 50 || len(j.Of("lambda")) != 50 {
		t.Errorf("%d and %d lines, want 50 of each", len(j.Of("ecs")), len(j.Of("lambda")))
	}
}

func FuzzJournal(f *testing.F) {
	f.Add("12:00:01 ecs: a\nb")
	f.Fuzz(func(t *testing.T, line string) {
		var j Journal
		j.Note(line)
		for _, one := range j.Of("ecs") {
			if strings.Contains(one, "\n") {
				t.Errorf("%q is more than a line", one)
			}
		}
	})
}
