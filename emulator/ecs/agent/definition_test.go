package agent

import (
	"slices"
	"strings"
	"testing"
)

func TestHealthCheckArgs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		command []string
		want    []string
	}{
		{nil, nil},
		{[]string{"CMD"}, nil},
		{[]string{"NONE", "x"}, nil},
		{[]string{"CMD", "/api", "check"}, []string{"/api", "check"}},
		{[]string{"CMD-SHELL", "curl -f localhost || exit 1"}, []string{"/bin/sh", "-c", "curl -f localhost || exit 1"}},
	} {
		if got := (&HealthCheck{Command: c.command}).Args(); !slices.Equal(got, c.want) {
			t.Errorf("%v gave %v, want %v", c.command, got, c.want)
		}
	}
	if got := (*HealthCheck)(nil).Args(); got != nil {
		t.Errorf("no check gave %v", got)
	}
}

func TestCommandLine(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name       string
		definition Container
		want       string
	}{
		{"the image's", Container{}, "/image serve"},
		{"another command", Container{Command: []string{"migrate"}}, "/image migrate"},
		{"another entry point drops the command", Container{EntryPoint: []string{"/other"}}, "/other"},
		{"both", Container{EntryPoint: []string{"/other"}, Command: []string{"x", "y"}}, "/other x y"},
	} {
		if got := strings.Join(commandLine(c.definition, []string{"/image"}, []string{"serve"}), " "); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func TestUnique(t *testing.T) {
	t.Parallel()
	got := unique([]string{"A=1", "B=2", "A=3", "C", "B=", "A"})
	if want := []string{"C", "B=", "A"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestReadSecret(t *testing.T) {
	t.Parallel()
	const ssm, manager = "arn:aws:ssm:eu-central-1:123456789012:parameter", "arn:aws:secretsmanager:eu-central-1:123456789012:secret:db-AbCdEf"
	moto := &fakeMoto{
		parameters: map[string]string{"/api/key": "deep", "plain": "flat", "/rooted": "root"},
		secrets:    map[string]string{manager: `{"user":"web","port":5432}`, manager + "2": "text"},
	}
	for _, c := range []struct{ from, want, err string }{
		{"/api/key", "deep", ""},
		{"plain", "flat", ""},
		{ssm + "/api/key", "deep", ""},
		{ssm + "/plain", "flat", ""},
		{ssm + "/rooted", "root", ""},
		{"none", "", "fetching secret data from SSM Parameter Store: none: ParameterNotFound"},
		{ssm + "/none", "", "fetching secret data from SSM Parameter Store: " + ssm + "/none"},
		{manager, `{"user":"web","port":5432}`, ""},
		{manager + ":user::", "web", ""},
		{manager + ":port", "5432", ""},
		{manager + "2:::", "text", ""},
		{manager + ":none::", "", `has no key "none"`},
		{manager + "2:user::", "", "is not JSON, and a key was asked for"},
		{manager + "3", "", "fetching secret data from Secrets Manager: " + manager + "3"},
		{"arn:aws:secretsmanager:eu-central-1:123456789012:other", "", "is not the ARN of a secret"},
	} {
		got, err := readSecret(t.Context(), moto, "eu-central-1", c.from)
		if got != c.want || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s gave %q, %v; want %q, %s", c.from, got, err, c.want, c.err)
		}
		if err != nil && strings.Contains(err.Error(), "5432") {
			t.Errorf("%s: the error tells a secret: %v", c.from, err)
		}
	}
}

func FuzzReadSecret(f *testing.F) {
	f.Add("arn:aws:secretsmanager:r:1:secret:db:key:stage:version", `{"key":[1]}`)
	f.Add("arn:aws:ssm:r:1:parameter/x", "v")
	f.Fuzz(func(t *testing.T, from, value string) {
		moto := &fakeMoto{parameters: map[string]string{from: value, "x": value}, secrets: map[string]string{from: value}}
		if _, err := readSecret(t.Context(), moto, "r", from); err != nil && !strings.HasPrefix(err.Error(), "fetching secret data from ") {
			t.Errorf("%q: %v", from, err)
		}
	})
}

func TestPorts(t *testing.T) {
	t.Parallel()
	p := &ports{taken: map[int]bool{}}
	seen := map[int]bool{}
	for range 50 {
		port, err := p.take(t.Context())
		if err != nil || seen[port] || port < 1024 {
			t.Fatalf("got %d, %v after %v", port, err, seen)
		}
		seen[port] = true
	}
	for port := range seen {
		p.release(port)
	}
	if len(p.taken) != 0 {
		t.Errorf("still taken are %v", p.taken)
	}
}
