package policy

import (
	"strings"
	"testing"
)

func TestReadExceptions(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, text, err string }{
		{"whole", `[{"rule":"ecr-scan","resource":"aws_ecr_repository.api","reason":"scanned by the registry itself","environments":["dev"]}]`, ""},
		{"none", `[]`, ""},
		{"no JSON", `rule: x`, "read the policy's exceptions"},
		{"unknown member", `[{"rule":"ecr-scan","owner":"x"}]`, "unknown field"},
		{"no such rule", `[{"rule":"ecr-scna","resource":"a.b","reason":"one two three four"}]`, `no rule "ecr-scna"`},
		{"no resource", `[{"rule":"ecr-scan","reason":"one two three four"}]`, "name the resource"},
		{"everything", `[{"rule":"ecr-scan","resource":"*","reason":"one two three four"}]`, "name the resource"},
		{"no reason", `[{"rule":"ecr-scan","resource":"a.b","reason":"todo"}]`, "give a reason"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := ReadExceptions(strings.NewReader(tt.text))
			if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("got %v, want %q", err, tt.err)
			}
		})
	}
}

func TestJudge(t *testing.T) {
	t.Parallel()
	found := Finding{"s3-replication", `aws_s3_bucket.data["source"]`}
	tests := []struct {
		name    string
		e       Exception
		where   Where
		excused bool
	}{
		{"by name", Exception{Rule: found.Rule, Resource: found.Resource}, Where{}, true},
		{"by the name's beginning", Exception{Rule: found.Rule, Resource: "aws_s3_bucket.data*"}, Where{}, true},
		{"another resource", Exception{Rule: found.Rule, Resource: "aws_s3_bucket.logs"}, Where{}, false},
		{"another rule", Exception{Rule: "s3-events", Resource: found.Resource}, Where{}, false},
		{"in its environment", Exception{Rule: found.Rule, Resource: found.Resource, Environments: []string{"dev"}}, Where{Environment: "dev"}, true},
		{"in another environment", Exception{Rule: found.Rule, Resource: found.Resource, Environments: []string{"dev"}}, Where{Environment: "prod"}, false},
		{"emulated only", Exception{Rule: found.Rule, Resource: found.Resource, Emulated: true}, Where{}, false},
		{"emulated", Exception{Rule: found.Rule, Resource: found.Resource, Emulated: true}, Where{Emulated: true}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			used := map[int]bool{}
			v := Judge([]Finding{found}, []Exception{tt.e}, tt.where, used)
			if (len(v.Excused) == 1) != tt.excused || (len(v.Broken) == 0) != tt.excused || used[0] != tt.excused {
				t.Errorf("got %+v, used %v", v, used)
			}
		})
	}
}

func TestProblemsSayWhatAndHow(t *testing.T) {
	t.Parallel()
	rules, err := Rules()
	if err != nil {
		t.Fatal(err)
	}
	lines := Verdict{Broken: []Finding{{"ecr-scan", "aws_ecr_repository.api"}}}.Problems(rules)
	const want = "aws_ecr_repository.api breaks the rule ecr-scan: images are scanned when pushed (CKV_AWS_163, AWS-0030); mend it, or excuse it in infra/exceptions.json with a reason"
	if len(lines) != 1 || lines[0] != want {
		t.Errorf("got %q", lines)
	}
}

func FuzzReadExceptions(f *testing.F) {
	f.Add(`[{"rule":"ecr-scan","resource":"a.b","reason":"one two three four"}]`)
	f.Fuzz(func(t *testing.T, text string) {
		exceptions, err := ReadExceptions(strings.NewReader(text))
		if err != nil {
			return
		}
		for _, e := range exceptions {
			if e.Reason == "" || e.Resource == "" {
				t.Errorf("took %+v", e)
			}
		}
	})
}
