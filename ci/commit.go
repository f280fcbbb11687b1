package main

import (
	"context"
	"strconv"
	"strings"
	"time"

	"dagger/sensor-backend/gitref"
	"dagger/sensor-backend/internal/dagger"
)

// commitFacts is what the repository's history tells about a commit.
type commitFacts struct {
	// committed is when it was committed; zero if that is not known.
	committed time.Time
	// paths are the files it changes against the base; none if that is not known.
	paths []string
}

// readCommit asks git about a commit and what it changes against base. What git
// cannot tell, as in a shallow clone or for a new branch, stays unknown: then
// everything is taken to have changed.
func readCommit(ctx context.Context, history *dagger.Directory, base, commit string) commitFacts {
	var facts commitFacts
	if !gitref.IsCommit(commit) {
		return facts
	}
	git := goToolchain().WithDirectory("/repository/.git", history).WithWorkdir("/repository")
	ask := func(args ...string) (string, bool) {
		run := git.WithExec(append([]string{"git", "-c", "safe.directory=*"}, args...), anyExit)
		if code, err := run.ExitCode(ctx); err != nil || code != 0 {
			return "", false
		}
		out, err := run.Stdout(ctx)
		return out, err == nil
	}
	if out, ok := ask("show", "--no-patch", "--format=%ct", commit); ok {
		if seconds, err := strconv.ParseInt(strings.TrimSpace(out), 10, 64); err == nil {
			facts.committed = time.Unix(seconds, 0).UTC()
		}
	}
	if !gitref.IsCommit(base) || strings.Trim(base, "0") == "" {
		return facts
	}
	if out, ok := ask("diff", "--name-only", "--no-renames", "-z", base, commit); ok {
		for name := range strings.SplitSeq(out, "\x00") {
			if name != "" {
				facts.paths = append(facts.paths, name)
			}
		}
	}
	return facts
}
