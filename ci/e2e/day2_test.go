//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

const lockTable = "sensor-backend-tfstate-lock"

// dayTwo does to a deployed environment what its operators do, to the end.
func dayTwo(t *testing.T, w world) {
	db := dynamodb.NewFromConfig(w.config)

	// The processor gets another source. The API's is the same, and its version is named
	// by the content, as the history of that commit is not given.
	const processor = "services/cmd/processor/main.go"
	next := newCheckout(t, map[string]string{processor: edited(t, processor, `"dev"`, `"another"`)})
	commit := next.sha[:12]
	secrets := plant(t)
	other := []string{"--services", filepath.Join(next.dir, "services"), "--branch=release", "--commit=" + next.sha}
	deploy := slices.Concat(other, []string{"deploy", "--stages=build,infra,lambda,ecs,smoke", "--history", next.dir}, readings(), secrets.args)
	w.timed(t, "deploy of another commit", func() string {
		defer w.inUse(t)()
		report := w.refusesSecond(t, db, commit, secrets, deploy...)
		wantOutcomes(t, report, map[string]string{"build": "passed", "infra": "passed", "lambda": "passed", "ecs": "passed", "smoke": "passed"})
		return report
	})
	if status := w.succeeds(t, "status"); strings.Count(status, commit) < 2 {
		t.Errorf("both halves run the other commit; status says\n%s", status)
	}
	if r := secrets.dagger(t, w, append(other, "verify-provenance", "--public-key=env://E2E_PUBLIC_KEY")...); r.code != 0 {
		t.Errorf("what was just signed is refused:\n%s", tail(r.stderr))
	}
	if r := secrets.dagger(t, w, append(other, "verify-provenance", "--public-key=env://E2E_STRANGER")...); r.code == 0 {
		t.Errorf("a stranger's key verifies:\n%s", r.stdout)
	}
	secrets.nowhere(t, w)
	w.goesBack(t)
	w.dayTwoPage(t)
	w.staysAfterMigration(t)
	if plan := w.succeeds(t, "plan"); !strings.Contains(plan, "0 added, 0 changed, 0 destroyed") {
		t.Errorf("a plan after rollbacks is not clean:\n%s", plan)
	}
	w.rolesAreNeeded(t)
	w.timed(t, "destroy", func() string { return w.succeeds(t, "destroy", "--confirm=sensor-backend-dev") })
	if left := w.resources(t, db); len(left) > 0 {
		t.Errorf("destroy left\n%s", strings.Join(left, "\n"))
	}
	t.Log("permissions in all:\n" + w.succeeds(t, "permissions"))
	w.rolesCannotEscape(t)
}

// timed logs how long a step took, the start of dagger included.
func (w world) timed(t *testing.T, what string, step func() string) {
	t.Helper()
	start := time.Now()
	report := step()
	t.Logf("%s, %s:\n%s", what, time.Since(start).Round(100*time.Millisecond), report)
}

// refusesSecond deploys, and meanwhile a second time: that one must be refused
// with the commit of the first. It returns the first one's report.
func (w world) refusesSecond(t *testing.T, db *dynamodb.Client, commit string, secrets planted, deploy ...string) string {
	t.Helper()
	first := make(chan result, 1)
	go func() { first <- secrets.dagger(t, w, deploy...) }()
	lock := aws.String("deploy/sensor-backend-dev")
	until(t, "the first deploy has the lock", func() bool {
		item, err := db.GetItem(t.Context(), &dynamodb.GetItemInput{
			TableName: aws.String(lockTable), Key: map[string]types.AttributeValue{"LockID": &types.AttributeValueMemberS{Value: *lock}},
		})
		// The item stays behind a release, without a token.
		return err == nil && item.Item["Token"] != nil
	})
	second := w.dagger(t, "deploy", "--stages=ecs")
	if second.code != 12 {
		t.Errorf("a second deploy ended with %d, want 12:\n%s", second.code, tail(second.stdout+second.stderr))
	}
	for _, want := range []string{"is held by", commit, "wait for that deploy"} {
		if !strings.Contains(second.stderr, want) {
			t.Errorf("the refusal does not say %q:\n%s", want, tail(second.stderr))
		}
	}
	r := <-first
	if r.code != 0 {
		t.Fatalf("the first deploy ended with %d:\n%s", r.code, tail(r.stderr))
	}
	return r.stdout
}

// goesBack rolls back to what ran before, forward again to a named digest, and then
// each half on its own to a number.
func (w world) goesBack(t *testing.T) {
	t.Helper()
	type half struct{ Version, Digest string }
	var ran []struct{ ECS, Lambda half }
	if err := json.Unmarshal([]byte(w.succeeds(t, "deployments")), &ran); err != nil || len(ran) < 2 {
		t.Fatalf("deployments lists %d, %v; want what runs and what ran before", len(ran), err)
	}
	now, before := ran[0], ran[1]
	_, revision, _ := strings.Cut(before.ECS.Version, ":")
	for _, step := range []struct {
		args        []string
		ecs, lambda half
	}{
		{[]string{"rollback"}, before.ECS, before.Lambda},
		{[]string{"rollback", "--to=" + now.ECS.Digest}, now.ECS, now.Lambda},
		{[]string{"rollback", "--only=ecs", "--to=" + revision}, before.ECS, now.Lambda},
		{[]string{"rollback", "--only=lambda", "--to=" + before.Lambda.Version}, before.ECS, before.Lambda},
	} {
		w.timed(t, strings.Join(step.args, " "), func() string { return w.succeeds(t, step.args...) })
		status := w.succeeds(t, "status")
		for _, want := range []string{step.ecs.Version, step.ecs.Digest, "version " + step.lambda.Version} {
			if !strings.Contains(status, want) {
				t.Errorf("after %v status does not say %q:\n%s", step.args, want, status)
			}
		}
	}
	if refused := w.dagger(t, "rollback", "--to=sha256:"+strings.Repeat("0", 64)); refused.code != 12 || !strings.Contains(refused.stderr, "is not recorded") {
		t.Errorf("a rollback to a digest that never ran ended with %d:\n%s", refused.code, tail(refused.stderr))
	}
	for _, of := range []string{"api", "processor"} {
		if lines := w.succeeds(t, "logs", "--of="+of, "--since=1h"); !strings.Contains(lines, "{") {
			t.Errorf("logs of the %s shows no line of its:\n%s", of, tail(lines))
		}
	}
}

// staysAfterMigration deploys a processor that panics beside an API whose database
// migration cannot be undone: the processor's half goes back, the API's stays and
// says why.
func (w world) staysAfterMigration(t *testing.T) {
	t.Helper()
	services := altered(t, "services", map[string]string{
		"cmd/processor/main.go": "package main\n\nvar version string\n\nfunc main() { panic(\"cannot run on purpose \" + version) }\n",
		"internal/warehouse/migrations/postgres/00099_no_way_back.sql": "-- +goose Up\nSELECT 1;\n",
	})
	r := w.dagger(t, "--services", services, "deploy", "--stages=build,infra,lambda,ecs", "--canary=50", "--bake=1s")
	if r.code == 0 {
		t.Errorf("a processor that panics was deployed:\n%s", r.stdout)
	}
	wantOutcomes(t, r.stderr, map[string]string{"lambda": "failed", "ecs": "failed"})
	for _, want := range []string{"cannot run on purpose", "not undone although lambda failed", "migration 99", "go forward with a fix"} {
		if !strings.Contains(r.stderr, want) {
			t.Errorf("the report does not say %q:\n%s", want, tail(r.stderr))
		}
	}
}

// holdState holds Terraform's lock as a run leaves it that was killed before it had
// the lock in the bucket too, and returns the lock's id.
func (w world) holdState(t *testing.T, db *dynamodb.Client) string {
	t.Helper()
	const id = "0b6ad63c-4b3e-7c31-2d5c-9a1d9f9d2f10"
	buckets, err := w.s3().ListBuckets(t.Context(), &s3.ListBucketsInput{})
	if err != nil {
		t.Fatal(err)
	}
	var path string
	for _, bucket := range buckets.Buckets {
		if strings.HasPrefix(aws.ToString(bucket.Name), "sensor-backend-tfstate-") {
			path = *bucket.Name + "/dev/terraform.tfstate"
		}
	}
	// The form of the item is Terraform's (internal/states/statemgr, LockInfo).
	info := fmt.Sprintf(`{"ID":%q,"Operation":"OperationTypeApply","Info":"","Who":"ada@laptop","Version":"1.11.4","Created":"2026-02-03T04:05:06Z","Path":%q}`, id, path)
	if _, err := db.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String(lockTable), Item: map[string]types.AttributeValue{
		"LockID": &types.AttributeValueMemberS{Value: path}, "Info": &types.AttributeValueMemberS{Value: info},
	}}); err != nil {
		t.Fatal(err)
	}
	return id
}
