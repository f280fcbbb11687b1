//go:build e2e

package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
)

// commit commits all that was changed in a checkout.
func (c checkout) commit(t *testing.T, message string) checkout {
	t.Helper()
	run(t, c.dir, nil, "git", "add", "--all")
	run(t, c.dir, nil, "git", "-c", "user.name=test", "-c", "user.email=test@localhost", "commit", "--quiet", "--message="+message)
	c.sha = strings.TrimSpace(run(t, c.dir, nil, "git", "rev-parse", "HEAD"))
	return c
}

// add writes to the end of a file.
func (c checkout) add(t *testing.T, name, text string) {
	t.Helper()
	file, err := os.OpenFile(filepath.Join(c.dir, name), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err == nil {
		_, err = file.WriteString(text)
	}
	if err == nil {
		err = file.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// digests are those of what the engine builds in a checkout.
func (c checkout) digests(t *testing.T) (program, zip string) {
	t.Helper()
	read := func(args ...string) string {
		r := daggerIn(t, c.dir, nil, args...)
		if r.code != 0 {
			t.Fatalf("%q ended with %d:\n%s", args, r.code, tail(r.stderr))
		}
		return strings.TrimSpace(r.stdout)
	}
	return read("build", "file", "--path=/api", "digest"), read("package-lambda", "digest")
}

// TestSameContent builds one source in two checkouts that differ in path, in modes
// and times of the files, and in commits that change none of the programs.
func TestSameContent(t *testing.T) {
	t.Parallel()
	here := newCheckout(t, nil)
	there := checkout{dir: filepath.Join(t.TempDir(), "another", "place")}
	run(t, here.dir, nil, "git", "clone", "--quiet", here.dir, there.dir)
	err := filepath.WalkDir(filepath.Join(there.dir, "services"), func(name string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		mode := os.FileMode(0o600)
		if entry.IsDir() {
			mode = 0o700
		}
		if err := os.Chmod(name, mode); err != nil {
			return err
		}
		return os.Chtimes(name, time.Unix(0, 0), time.Unix(1, 0))
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, outside := range []string{"README.md", "infra/README.md", "services/README.md", "ci/README.md"} {
		there.add(t, outside, "\nmore\n")
		there = there.commit(t, "change "+outside)
	}
	program, zip := here.digests(t)
	otherProgram, otherZip := there.digests(t)
	if program != otherProgram || zip != otherZip {
		t.Errorf("the programs are %s and %s, and elsewhere %s and %s", program, zip, otherProgram, otherZip)
	}
	there.add(t, "services/cmd/api/main.go", "\n// changed\n")
	there = there.commit(t, "change the API")
	if changed, same := there.digests(t); changed == program || same != zip {
		t.Errorf("after a change of the API the programs are %s and %s, before %s and %s", changed, same, program, zip)
	}
}

// halves is what both halves run, and the tags of the image.
type halves struct{ Service, Function, Image string }

func (w world) halves(t *testing.T) halves {
	t.Helper()
	services, err := ecs.NewFromConfig(w.config).DescribeServices(t.Context(), &ecs.DescribeServicesInput{
		Cluster: aws.String("sensor-backend-cluster-dev"), Services: []string{"sensor-backend-service-dev"},
	})
	if err != nil || len(services.Services) != 1 {
		t.Fatalf("%d services, %v", len(services.Services), err)
	}
	alias, err := lambda.NewFromConfig(w.config).GetAlias(t.Context(), &lambda.GetAliasInput{
		FunctionName: aws.String("sensor-data-processor-dev"), Name: aws.String("PROD"),
	})
	if err != nil {
		t.Fatal(err)
	}
	var ran []struct {
		ECS struct{ Digest string }
	}
	if err := json.Unmarshal([]byte(w.succeeds(t, "deployments")), &ran); err != nil || len(ran) == 0 {
		t.Fatalf("%d deployments, %v", len(ran), err)
	}
	deployment := services.Services[0].Deployments[0]
	return halves{
		// A new deployment of the same revision would be a rollout too.
		Service:  aws.ToString(deployment.TaskDefinition) + " " + aws.ToString(deployment.Id),
		Function: aws.ToString(alias.FunctionVersion), Image: ran[0].ECS.Digest,
	}
}

// tagged wants the image of a tag, without any other image for it.
func (w world) tagged(t *testing.T, tag, digest string) {
	t.Helper()
	registry := ecr.NewFromConfig(w.config)
	found, err := registry.DescribeImages(t.Context(), &ecr.DescribeImagesInput{RepositoryName: aws.String("sensor-backend-dev")})
	if err != nil {
		t.Fatal(err)
	}
	for _, image := range found.ImageDetails {
		for _, name := range image.ImageTags {
			if name == tag {
				if got := aws.ToString(image.ImageDigest); got != digest {
					t.Errorf("tag %s names %s, want %s", tag, got, digest)
				}
				return
			}
		}
	}
	t.Errorf("no image has the tag %s", tag)
}

// TestContentDecides goes through commits that change one thing each: only a half
// whose program changed is deployed, and every run still mends what is missing.
func TestContentDecides(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := newCheckout(t, nil)
	first := c.sha
	deploy := func() string {
		t.Helper()
		r := daggerIn(t, c.dir, nil, append(append([]string{}, w.args...), "deploy", "--stages=build,infra,lambda,ecs,smoke")...)
		if r.code != 0 {
			t.Fatalf("the deploy ended with %d:\n%s", r.code, tail(r.stderr))
		}
		return r.stdout
	}
	deploy()
	before := w.halves(t)
	for _, outside := range []string{"README.md", "ci/README.md", "infra/README.md", "services/cmd/replay/main_test.go"} {
		c.add(t, outside, "\n// more\n")
		c = c.commit(t, "change "+outside)
		report := deploy()
		now := w.halves(t)
		if now != before {
			t.Errorf("%s: %+v runs, and %+v did before", outside, now, before)
		}
		if n := strings.Count(report, "unchanged since "+first); n < 2 {
			t.Errorf("%s: the report does not say of both halves since when they are unchanged:\n%s", outside, report)
		}
		w.tagged(t, "main-"+c.sha[:12], before.Image)
		w.tagged(t, "latest", before.Image)
	}

	// What is missing comes back although nothing was changed.
	db := dynamodb.NewFromConfig(w.config)
	w.deleteTable(t, db)
	if report := deploy(); !strings.Contains(report, "1 added") {
		t.Errorf("a deploy of nothing new did not make the table again:\n%s", report)
	}

	c.add(t, "services/cmd/processor/main.go", "\n// changed\n")
	c = c.commit(t, "change the processor")
	deploy()
	after := w.halves(t)
	if after.Function == before.Function || after.Service != before.Service || after.Image != before.Image {
		t.Errorf("after a change of the processor %+v runs, before %+v", after, before)
	}
	c.add(t, "services/internal/httpapi/page/app.css", "\n/* changed */\n")
	c = c.commit(t, "change a file that the API embeds")
	deploy()
	last := w.halves(t)
	if last.Function != after.Function || last.Service == after.Service || last.Image == after.Image {
		t.Errorf("after a change of the API's page %+v runs, before %+v", last, after)
	}
}

// TestNothingBeforeItsGate fails a test while the programs are built and the plan is
// made beside it: nothing of them may get out.
func TestNothingBeforeItsGate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	services := altered(t, "services", map[string]string{
		"internal/objectkey/gate_test.go": "package objectkey\n\nimport \"testing\"\n\nfunc TestGate(t *testing.T) { t.Error(\"fails on purpose\") }\n",
	})
	r := w.dagger(t, "--services", services, "deploy", "--stages=test,build,infra,lambda,ecs")
	if r.code == 0 || !strings.Contains(r.stderr, "fails on purpose") {
		t.Fatalf("a deploy with a failing test ended with %d:\n%s", r.code, tail(r.stdout+r.stderr))
	}
	wantOutcomes(t, r.stderr, map[string]string{"test": "failed", "build": "skipped", "infra": "skipped", "lambda": "skipped", "ecs": "skipped"})
	if found := list(t, ecr.NewFromConfig(w.config).DescribeRepositories).Repositories; len(found) > 0 {
		t.Errorf("%d repositories were made", len(found))
	}
	if found := list(t, lambda.NewFromConfig(w.config).ListFunctions).Functions; len(found) > 0 {
		t.Errorf("%d functions were made", len(found))
	}
	if found := activeClusters(t, ecs.NewFromConfig(w.config)); len(found) > 0 {
		t.Errorf("%d clusters were made", len(found))
	}
}
