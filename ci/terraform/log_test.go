package terraform

import (
	"slices"
	"strings"
	"testing"
)

const applied = `{"@level":"info","@message":"Terraform 1.11.4","type":"version","terraform":"1.11.4","ui":"1.2"}
{"@level":"info","type":"planned_change","change":{"resource":{"addr":"aws_sns_topic.alerts"},"action":"create"}}
{"@level":"info","type":"change_summary","changes":{"add":1,"import":0,"change":0,"remove":0,"operation":"plan"}}
not a message
{"@level":"warn","type":"diagnostic","diagnostic":{"severity":"warning","summary":"Deprecated Parameter","detail":"use_lockfile"}}
{"@level":"info","type":"change_summary","changes":{"add":1,"import":0,"change":2,"remove":3,"operation":"apply"}}
`

func TestParseLog(t *testing.T) {
	t.Parallel()
	s, err := ParseLog(strings.NewReader(applied))
	if err != nil {
		t.Fatal(err)
	}
	if got := s.String(); got != "1 added, 2 changed, 3 destroyed" {
		t.Errorf("counts: %s", got)
	}
	if !slices.Equal(s.Changes, []string{"create aws_sns_topic.alerts"}) {
		t.Errorf("changes: %q", s.Changes)
	}
	if !slices.Equal(s.Warnings, []string{"Deprecated Parameter"}) || s.Errors != nil {
		t.Errorf("warnings %q, errors %q", s.Warnings, s.Errors)
	}
}

func TestParseLogErrors(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, line, want string }{
		{"with its place",
			`{"type":"diagnostic","diagnostic":{"severity":"error","summary":"Unsupported block type","detail":"Blocks of type \"x\" are not expected here.","range":{"filename":"ecs.tf","start":{"line":7}}}}`,
			`ecs.tf:7: Unsupported block type: Blocks of type "x" are not expected here.`},
		{"with its resource",
			`{"type":"diagnostic","diagnostic":{"severity":"error","summary":"creating ECS Service","address":"aws_ecs_service.api"}}`,
			"aws_ecs_service.api: creating ECS Service"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, err := ParseLog(strings.NewReader(tt.line))
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(s.Errors, []string{tt.want}) {
				t.Errorf("got %q, want %q", s.Errors, tt.want)
			}
		})
	}
}

func TestParseLogReport(t *testing.T) {
	t.Parallel()
	s, err := ParseLog(strings.NewReader(`{"type":"plan_report","lines":["plan: 1 to add","policy: 0 broken"]}`))
	if err != nil || !slices.Equal(s.Report, []string{"plan: 1 to add", "policy: 0 broken"}) {
		t.Errorf("got %q, %v", s.Report, err)
	}
}

func TestParseLogCost(t *testing.T) {
	t.Parallel()
	s, err := ParseLog(strings.NewReader(`{"type":"plan_cost","monthly":61.4,"difference":-3.2}`))
	if err != nil || s.Cost == nil || *s.Cost != (Cost{Monthly: 61.4, Difference: -3.2}) {
		t.Errorf("%+v, %v", s.Cost, err)
	}
	if s, err := ParseLog(strings.NewReader(`{"type":"plan_report"}`)); err != nil || s.Cost != nil {
		t.Errorf("without a price: %+v, %v", s.Cost, err)
	}
}

func TestClean(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		s    Summary
		want bool
	}{
		{"ended with nothing to do", Summary{Seen: true}, true},
		{"one change", Summary{Seen: true, Change: 1}, false},
		{"no summary is not proof", Summary{}, false},
	}
	for _, tt := range tests {
		if got := tt.s.Clean(); got != tt.want {
			t.Errorf("%s: got %v", tt.name, got)
		}
	}
}

func TestParseLogTooLong(t *testing.T) {
	t.Parallel()
	if _, err := ParseLog(strings.NewReader(strings.Repeat("x", maxLine+1))); err == nil {
		t.Error("an endless line was taken")
	}
}

func FuzzParseLog(f *testing.F) {
	f.Add(applied)
	f.Add(`{"type":"diagnostic","diagnostic":{"severity":"error"}}`)
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseLog(strings.NewReader(text))
		if err == nil && !s.Seen && s.Add+s.Change+s.Remove != 0 {
			t.Error("counts without a summary")
		}
	})
}
