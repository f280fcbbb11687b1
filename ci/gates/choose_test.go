package gates

import (
	"strings"
	"testing"
)

func TestChoose(t *testing.T) {
	t.Parallel()
	all := []string{"test", "build", "ecs"}
	tests := []struct {
		name   string
		chosen []string
		want   string
		err    string
	}{
		{"nothing means all", nil, "test build ecs", ""},
		{"the order is the pipeline's", []string{"ecs", "test"}, "test ecs", ""},
		{"twice is once", []string{"ecs", "ecs"}, "ecs", ""},
		{"unknown", []string{"tset"}, "", `unknown gate "tset": choose from test, build, ecs; did you mean --only test?`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := Choose("gate", "--only", all, tt.chosen)
			if (err == nil) != (tt.err == "") || err != nil && err.Error() != tt.err {
				t.Fatalf("error %v, want %q", err, tt.err)
			}
			if strings.Join(got, " ") != tt.want {
				t.Errorf("got %v, want %s", got, tt.want)
			}
		})
	}
}
