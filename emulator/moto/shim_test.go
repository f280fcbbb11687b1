package moto

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// fakeMoto is a package of the name moto with as much as the shim needs to start.
// Its server prints what became of the classes that probe names.
func fakeMoto(t *testing.T, version, autoscaling, probe string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"moto/__init__.py":                         "__version__ = '" + version + "'\n",
		"moto/core/__init__.py":                    "DEFAULT_ACCOUNT_ID = '123456789012'\n",
		"moto/core/exceptions.py":                  "class JsonRESTError(Exception): pass\n",
		"moto/moto_server/__init__.py":             "",
		"moto/moto_server/werkzeug_app.py":         "class DomainDispatcherApplication:\n  def __call__(self, environ, start_response): return [b'dispatched']\n",
		"moto/awslambda/__init__.py":               "",
		"moto/awslambda/models.py":                 "lambda_backends = {}\n",
		"moto/applicationautoscaling/__init__.py":  "",
		"moto/applicationautoscaling/models.py":    "applicationautoscaling_backends = {}\n",
		"moto/applicationautoscaling/responses.py": autoscaling,
		"moto/redshift/__init__.py":                "",
		"moto/redshift/models.py":                  "class Cluster:\n  cluster_availability_status = 'Own'\n",
		"moto/server.py":                           "def main():\n" + indented(probe),
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func indented(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString("  " + line)
	}
	return b.String()
}

// TestShimAddsWhatIsMissing runs the shim on versions of moto that have an
// operation, lack it, and lack the whole service.
func TestShimAddsWhatIsMissing(t *testing.T) {
	t.Parallel()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("there is no python3 here; the edge's image has one")
	}
	const (
		lacks = "class ApplicationAutoScalingResponse:\n  def register_scalable_target(self): return 'own'\n"
		has   = lacks + "  def list_tags_for_resource(self): return 'own'\n  def tag_resource(self): return 'own'\n  def untag_resource(self): return 'own'\n"
		probe = `
from moto.redshift.models import Cluster
from moto.moto_server.werkzeug_app import DomainDispatcherApplication
print(Cluster.cluster_availability_status, Cluster.availability_zone_relocation_status)
print(b"".join(DomainDispatcherApplication()({"PATH_INFO": "/_moto/version"}, lambda *a: None)).decode())
print(b"".join(DomainDispatcherApplication()({"PATH_INFO": "/"}, lambda *a: None)).decode())
try:
  from moto.applicationautoscaling.responses import ApplicationAutoScalingResponse as R
  print(R.list_tags_for_resource.__module__)
except ImportError:
  print("no such service")
`
	)
	for name, c := range map[string]struct{ module, want string }{
		"lacks the operation": {lacks, "__main__"},
		"has the operation":   {has, "moto.applicationautoscaling.responses"},
		"lacks the service":   {"", "no such service"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run := exec.CommandContext(t.Context(), python, "-")
			run.Env = append(os.Environ(), "PYTHONPATH="+fakeMoto(t, "5.7.0", c.module, probe))
			run.Stdin = bytes.NewReader(shim)
			var stdout, stderr strings.Builder
			run.Stdout, run.Stderr = &stdout, &stderr
			if err := run.Run(); err != nil {
				t.Fatalf("%v\n%s", err, stderr.String())
			}
			if want := "Own disabled\n5.7.0\ndispatched\n" + c.want + "\n"; stdout.String() != want {
				t.Errorf("got\n%s\nwant\n%s\n%s", stdout.String(), want, stderr.String())
			}
			if !strings.Contains(stderr.String(), "moto 5.7.0: the correction ecs_security_groups does not apply: ") {
				t.Errorf("what cannot be corrected is not reported:\n%s", stderr.String())
			}
		})
	}
}
