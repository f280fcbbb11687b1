package status

import (
	"strings"
	"testing"
	"time"
)

func TestReport(t *testing.T) {
	t.Parallel()
	well := Report{
		Target: "dev",
		Service: Service{
			Name: "api", TaskDefinition: "api:7", Image: "h/api@sha256:1", Tags: []string{"main-0a1b", "latest"}, Commit: "0a1b",
			Since: time.Unix(0, 0), Desired: 2, Running: 2, Settled: true,
		},
		Function: Function{Name: "processor", Alias: "PROD", Version: "5", CodeSHA256: "abc=", Commit: "0a1b"},
	}
	for _, want := range []string{
		"ecs     api: api:7, 2 of 2 tasks, since 1970-01-01T00:00:00Z", "image h/api@sha256:1 (main-0a1b, latest), commit 0a1b",
		"alias PROD at version 5, since unknown", "drift   none",
	} {
		if !strings.Contains(well.String(), want) {
			t.Errorf("%q is not in\n%s", want, well)
		}
	}
	service, function := well, well
	service.Function, function.Service = Function{}, Service{}
	service.Service.Others = []string{"proxy: h/proxy@sha256:2"}
	if got := service.String(); strings.Contains(got, "lambda") || !strings.Contains(got, "\n        proxy: h/proxy@sha256:2\n") || !strings.HasSuffix(got, "drift   none") {
		t.Errorf("a service alone:\n%s", got)
	}
	if got := function.String(); strings.Contains(got, "ecs") || !strings.HasSuffix(got, "drift   none") {
		t.Errorf("a function alone:\n%s", got)
	}
	for _, c := range []struct {
		change func(*Report)
		says   string
	}{
		{func(r *Report) { r.Function.Commit = "ffff" }, "different commits: ecs 0a1b, lambda ffff"},
		{func(r *Report) { r.Service.Settled = false }, "has not completed"},
		{func(r *Report) { r.Service.Running = 1 }, "1 tasks run, 2 are wanted"},
		{func(r *Report) { r.Service.Coming, r.Service.Running = "api:8", 3 }, "a deployment of api:8 is under way"},
		{func(r *Report) { r.Service.Image = "h/api:latest" }, "named by a tag"},
		{func(r *Report) { r.Function.Weights = map[string]float64{"6": 0.1} }, "version 6 has 10 %"},
	} {
		r := well
		if c.change(&r); !strings.Contains(strings.Join(r.Drift(), "\n"), c.says) {
			t.Errorf("drift %v does not say %q", r.Drift(), c.says)
		}
	}
}
