package text

import "testing"

func TestUnknown(t *testing.T) {
	t.Parallel()
	environments := []string{"dev", "staging", "prod"}
	stages := []string{"test", "check", "build", "infra", "lambda", "ecs", "smoke", "negative", "load"}
	tests := []struct {
		what, name, argument string
		from                 []string
		want                 string
	}{
		{"environment", "production", "--environment", environments, `unknown environment "production": choose from dev, staging, prod; did you mean --environment prod?`},
		{"environment", "Staging", "--environment", environments, `unknown environment "Staging": choose from dev, staging, prod; did you mean --environment staging?`},
		{"environment", "qa", "--environment", environments, `unknown environment "qa": choose from dev, staging, prod; for example --environment dev`},
		{"environment", "", "--environment", environments, `unknown environment "": choose from dev, staging, prod; for example --environment dev`},
		{"half", "lamda", "--only", []string{"ecs", "lambda"}, `unknown half "lamda": choose from ecs, lambda; did you mean --only lambda?`},
		{"stage", "tset", "deploy --stages", stages[:3], `unknown stage "tset": choose from test, check, build; did you mean deploy --stages test?`},
	}
	for _, tt := range tests {
		if got := Unknown(tt.what, tt.name, tt.from, tt.argument).Error(); got != tt.want {
			t.Errorf("got  %s\nwant %s", got, tt.want)
		}
	}
}

func TestNearest(t *testing.T) {
	t.Parallel()
	stages := []string{"test", "check", "build", "infra", "lambda", "ecs", "smoke", "negative", "load"}
	for name, want := range map[string]string{
		"tset": "test", "tests": "test", "infrastructure": "infra", "INFRA": "infra", "lamda": "lambda", "smok": "smoke", "esc": "ecs",
		"neg": "negative", "deploy": "", "": "", "x": "", "ünïcödé": "", "laod": "load",
	} {
		if got := Nearest(name, stages); got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
}

func FuzzNearest(f *testing.F) {
	f.Add("tset")
	f.Add("\xff\u202e")
	f.Fuzz(func(t *testing.T, name string) {
		names := []string{"test", "build", "ecs"}
		switch got := Nearest(name, names); got {
		case "", "test", "build", "ecs":
		default:
			t.Errorf("%q is none of the names", got)
		}
		if got := typos(name, name); got != 0 {
			t.Errorf("%q differs from itself by %d", name, got)
		}
	})
}
