package engines

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

const root = "../../.."

// source is the source of Dagger that the bootstrap builds, by the sums of its go.sum;
// the chart is in it. It is downloaded if it is not at hand.
func source(t *testing.T) (dir, version string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "mod", "download", "-json", "github.com/dagger/dagger")
	cmd.Dir = filepath.Join(root, "bootstrap", "engine")
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("download Dagger's source: %v\n%s", err, out)
	}
	var module struct{ Dir, Version string }
	if err := json.Unmarshal(out, &module); err != nil {
		t.Fatal(err)
	}
	return module.Dir, module.Version
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func values(t *testing.T) map[string]any {
	t.Helper()
	var v map[string]any
	if err := yaml.Unmarshal(read(t, filepath.Join(root, "docs/engines/values.yaml")), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// render makes the chart's objects, by the name of their template, as
// `helm install --namespace dagger dagger` does.
func render(t *testing.T, c *chart.Chart, v map[string]any) map[string]string {
	t.Helper()
	release := chartutil.ReleaseOptions{Name: "dagger", Namespace: "dagger", Revision: 1, IsInstall: true}
	all, err := chartutil.ToRenderValues(c, v, release, nil)
	if err != nil {
		t.Fatal(err)
	}
	rendered, err := engine.Render(c, all)
	if err != nil {
		t.Fatal(err)
	}
	objects := map[string]string{}
	for name, text := range rendered {
		if text = strings.TrimSpace(text); text != "" && strings.HasSuffix(name, ".yaml") {
			objects[filepath.Base(name)] = text
		}
	}
	return objects
}

// TestValues renders the chart of the engine's version with the values and reads what
// comes out by Kubernetes' own types.
func TestValues(t *testing.T) {
	t.Parallel()
	dir, version := source(t)
	c, err := loader.Load(filepath.Join(dir, "helm", "dagger"))
	if err != nil {
		t.Fatal(err)
	}
	v := values(t)
	objects := render(t, c, v)
	if names := slices.Sorted(maps.Keys(objects)); !slices.Equal(names, []string{"engine-config.yaml", "engine-daemonset.yaml"}) {
		t.Fatalf("it makes %q", names)
	}
	var set appsv1.DaemonSet
	if err := yaml.UnmarshalStrict([]byte(objects["engine-daemonset.yaml"]), &set); err != nil {
		t.Fatal(err)
	}
	pod := set.Spec.Template.Spec
	container := pod.Containers[0]
	if !strings.HasSuffix(container.Image, ":"+version) {
		t.Errorf("the image is %s, want version %s", container.Image, version)
	}
	if pod.NodeSelector["sensor-backend/ci"] != "true" || len(pod.Tolerations) != 1 || *pod.TerminationGracePeriodSeconds < 20*60 {
		t.Errorf("nodes %v, tolerations %v, %d s to end", pod.NodeSelector, pod.Tolerations, *pod.TerminationGracePeriodSeconds)
	}
	if container.Resources.Requests.Cpu().IsZero() || container.Resources.Limits.Memory().Cmp(*container.Resources.Requests.Memory()) < 0 {
		t.Errorf("resources %v", container.Resources)
	}
	var config corev1.ConfigMap
	if err := yaml.UnmarshalStrict([]byte(objects["engine-config.yaml"]), &config); err != nil {
		t.Fatal(err)
	}
	follows(t, filepath.Join(dir, "docs/static/reference/engine.schema.json"), config.Data["engine.json"])
	wantOnPage(t, set, pod, strings.TrimPrefix(version, "v"))
	for _, path := range leaves(nil, v) {
		if maps.Equal(render(t, c, without(v, path)), objects) {
			t.Errorf("%s changes nothing: is it misspelt, or the chart's own default?", strings.Join(path, "."))
		}
	}
}

// follows checks the engine's configuration by its schema.
func follows(t *testing.T, schema, config string) {
	t.Helper()
	compiled, err := jsonschema.NewCompiler().Compile(schema)
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(config))
	if err != nil {
		t.Fatalf("engine.json: %v", err)
	}
	if err := compiled.Validate(document); err != nil {
		t.Errorf("engine.json: %v", err)
	}
}

// wantOnPage looks for the names of the objects on the page that tells them.
func wantOnPage(t *testing.T, set appsv1.DaemonSet, pod corev1.PodSpec, version string) {
	t.Helper()
	page := read(t, filepath.Join(root, "docs/engines.md"))
	want := []string{"daemonset/" + set.Name, "--version " + version, "--namespace " + set.Namespace}
	for _, volume := range pod.Volumes {
		if volume.HostPath != nil && mounted(pod.Containers[0], volume.Name) == "/run/dagger" {
			want = append(want, "hostPath: {path: "+volume.HostPath.Path+"}")
		}
	}
	if len(want) != 4 {
		t.Errorf("the engine has no directory for its socket: %v", pod.Volumes)
	}
	for _, text := range want {
		if !bytes.Contains(page, []byte(text)) {
			t.Errorf("docs/engines.md does not say %q", text)
		}
	}
}

// leaves are the paths of the values that are no maps.
func leaves(at []string, v map[string]any) [][]string {
	var all [][]string
	for key, value := range v {
		path := append(slices.Clone(at), key)
		if inner, ok := value.(map[string]any); ok {
			all = append(all, leaves(path, inner)...)
		} else {
			all = append(all, path)
		}
	}
	return all
}

// without is a copy of the values that lacks one.
func without(v map[string]any, path []string) map[string]any {
	copied := maps.Clone(v)
	if len(path) == 1 {
		delete(copied, path[0])
		return copied
	}
	if inner, ok := v[path[0]].(map[string]any); ok {
		copied[path[0]] = without(inner, path[1:])
	}
	return copied
}

// TestVersions wants the chart's version to be the one that the module asks for.
func TestVersions(t *testing.T) {
	t.Parallel()
	var module struct{ EngineVersion string }
	if err := json.Unmarshal(read(t, filepath.Join(root, "dagger.json")), &module); err != nil {
		t.Fatal(err)
	}
	if _, version := source(t); version != module.EngineVersion {
		t.Errorf("the bootstrap builds %s, the module asks for %s", version, module.EngineVersion)
	}
}

// mounted is where a container has a volume; empty for nowhere.
func mounted(c corev1.Container, volume string) string {
	for _, mount := range c.VolumeMounts {
		if mount.Name == volume {
			return mount.MountPath
		}
	}
	return ""
}
