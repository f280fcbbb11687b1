//go:build e2e

package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"sensor-backend/e2e/pages"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// trouble is a fault that a section of the page about day two is for.
type trouble struct {
	// begins makes it and returns what the reader knows by then, as variables.
	begins func() []string
	// repaired ends its cause; it comes before the section's command with that number,
	// counted from 1.
	repaired func()
	before   int
}

// dayTwoPage runs what the page about day two tells to type, section by section, each
// with the fault that it is for. Two versions of each half have been deployed.
func (w world) dayTwoPage(t *testing.T) {
	t.Helper()
	page, err := pages.Read(os.DirFS(repository(t)), "docs/day-two.md")
	if err != nil {
		t.Fatal(err)
	}
	db := dynamodb.NewFromConfig(w.config)
	heal := func() { w.fault(t, http.MethodDelete, "") }
	troubles := map[string]trouble{
		"what-runs": {},
		"the-new-version-does-not-start": {
			begins: func() []string {
				w.fault(t, http.MethodPost, `{"kind": "task-crash", "service": "sensor-backend-service-dev"}`)
				digest := w.digest(t)
				if r := w.dagger(t, "deploy-ecs", "--force", "--digest="+digest); r.code != 3 {
					t.Fatalf("a deployment whose tasks crash ended with %d, want 3:\n%s", r.code, tail(r.stderr))
				}
				return []string{"DIGEST=" + digest}
			},
			repaired: heal, before: 3,
		},
		"a-deploy-is-stuck": {
			begins: func() []string {
				w.fault(t, http.MethodPost, `{"kind": "task-late-start", "service": "sensor-backend-service-dev", "delayMillis": 600000}`)
				if r := w.dagger(t, "deploy-ecs", "--digest="+w.other(t), "--timeout=20s"); r.code != 8 {
					t.Fatalf("a deployment whose tasks do not come ended with %d, want 8:\n%s", r.code, tail(r.stderr))
				}
				return nil
			},
			repaired: heal, before: 2,
		},
		"tasks-are-missing": {
			begins: func() []string {
				w.fault(t, http.MethodPost, `{"kind": "task-crash", "service": "sensor-backend-service-dev"}`)
				w.stopTasks(t)
				return nil
			},
			repaired: heal, before: 2,
		},
		"the-version-that-runs-is-bad":             {},
		"a-dead-run-holds-the-deploy-lock":         {begins: func() []string { return w.holdDeployLock(t, db) }},
		"a-dead-run-holds-the-state":               {begins: func() []string { return []string{"ID=" + w.holdState(t, db)} }},
		"the-world-differs-from-the-configuration": {begins: func() []string { w.deleteTable(t, db); return nil }},
		"events-wait-in-the-failure-queue":         {begins: func() []string { w.failEvent(t); return nil }},
	}
	steps := page.Steps()
	for anchor := range troubles {
		if !slices.ContainsFunc(steps, func(s pages.Step) bool { return s.Section == anchor }) {
			t.Errorf("the page has no commands in a section %s", anchor)
		}
	}
	section, number := "", 0
	var known []string
	for _, step := range steps {
		one, ok := troubles[step.Section]
		if !ok {
			t.Errorf("docs/day-two.md:%d: no fault is made for section %s", step.Line, step.Section)
			continue
		}
		if number++; step.Section != section {
			section, number, known = step.Section, 1, nil
			if one.begins != nil {
				known = one.begins()
			}
		}
		if one.repaired != nil && number == one.before {
			one.repaired()
		}
		w.step(t, step, known)
	}
}

// digest is that of the image that the service runs.
func (w world) digest(t *testing.T) string {
	t.Helper()
	status := w.succeeds(t, "status")
	found := regexp.MustCompile(`image \S+@(sha256:[0-9a-f]{64})`).FindStringSubmatch(status)
	if found == nil {
		t.Fatalf("status tells no image by digest:\n%s", status)
	}
	return found[1]
}

// other is the digest of an image that the service ran and does not run now.
func (w world) other(t *testing.T) string {
	t.Helper()
	var ran []struct{ ECS struct{ Digest string } }
	if err := json.Unmarshal([]byte(w.succeeds(t, "deployments")), &ran); err != nil {
		t.Fatal(err)
	}
	now := w.digest(t)
	for _, one := range ran {
		if digest := one.ECS.Digest; digest != "" && digest != now {
			return digest
		}
	}
	t.Fatalf("the service ran nothing but %s", now)
	return ""
}

// step runs one block of the page.
func (w world) step(t *testing.T, step pages.Step, known []string) {
	t.Helper()
	start := time.Now()
	cmd := exec.CommandContext(t.Context(), "bash", "-uc", step.Commands)
	cmd.Dir = repository(t)
	cmd.Env = append(append(os.Environ(), "DAGGER_PROGRESS=plain", "NO_COLOR=1", "flags="+strings.Join(w.args, " ")), known...)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	t.Logf("docs/day-two.md:%d, %s:\n%s", step.Line, time.Since(start).Round(time.Second), step.Commands)
	wrong := step.Check(output.String(), cmd.ProcessState.ExitCode())
	for _, what := range wrong {
		t.Errorf("docs/day-two.md:%d: %s", step.Line, what)
	}
	if len(wrong) > 0 {
		t.Log(tail(output.String()))
	}
}

// fault speaks to the emulated AWS's control address.
func (w world) fault(t *testing.T, method, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, *w.config.BaseEndpoint+"/_emulator/faults", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	if _ = response.Body.Close(); response.StatusCode != http.StatusOK {
		t.Fatalf("the emulated AWS answers %s to the fault %s", response.Status, body)
	}
}

// stopTasks ends the API's tasks, as a machine does that is taken away.
func (w world) stopTasks(t *testing.T) {
	t.Helper()
	client := ecs.NewFromConfig(w.config)
	cluster := activeClusters(t, client)[0]
	running, err := client.ListTasks(t.Context(), &ecs.ListTasksInput{Cluster: &cluster})
	if err != nil || len(running.TaskArns) == 0 {
		t.Fatalf("no tasks run: %v", err)
	}
	for _, task := range running.TaskArns {
		if _, err := client.StopTask(t.Context(), &ecs.StopTaskInput{Cluster: &cluster, Task: &task}); err != nil {
			t.Fatal(err)
		}
	}
	until(t, "the tasks have ended", func() bool {
		left, err := client.ListTasks(t.Context(), &ecs.ListTasksInput{Cluster: &cluster})
		return err == nil && !slices.ContainsFunc(left.TaskArns, func(a string) bool { return slices.Contains(running.TaskArns, a) })
	})
}

// holdDeployLock takes the deploy lock as a run does that dies then.
func (w world) holdDeployLock(t *testing.T, db *dynamodb.Client) []string {
	t.Helper()
	const id = "5f0c1d2e3b4a59687786950413223140"
	number := func(at time.Time) types.AttributeValue {
		return &types.AttributeValueMemberN{Value: strconv.FormatInt(at.Unix(), 10)}
	}
	_, err := db.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{
		TableName: aws.String(lockTable), Key: map[string]types.AttributeValue{"LockID": &types.AttributeValueMemberS{Value: "deploy/sensor-backend-dev"}},
		UpdateExpression:         aws.String("SET #token = :id, Holder = :who, Since = :since, #until = :until"),
		ExpressionAttributeNames: map[string]string{"#token": "Token", "#until": "Until"},
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":id": &types.AttributeValueMemberS{Value: id}, ":who": &types.AttributeValueMemberS{Value: "ada@laptop"},
			":since": number(time.Now()), ":until": number(time.Now().Add(time.Hour)),
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return []string{"ID=" + id}
}

// failEvent leaves an event in the queue of those that were given up, as Lambda
// leaves it there: one that the processor can take by now.
func (w world) failEvent(t *testing.T) {
	t.Helper()
	client := sqs.NewFromConfig(w.config)
	queue, err := client.GetQueueUrl(t.Context(), &sqs.GetQueueUrlInput{QueueName: aws.String("sensor-backend-dev-failed-events")})
	if err != nil {
		t.Fatal(err)
	}
	// S3 sends this one when a bucket's notifications are set; it asks for nothing.
	if _, err := client.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: queue.QueueUrl, MessageBody: aws.String(`{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"sensor"}`)}); err != nil {
		t.Fatal(err)
	}
}
