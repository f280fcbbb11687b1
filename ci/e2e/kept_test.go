//go:build e2e

package e2e

import (
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
)

// nowhere wants none of the secrets in anything that a run leaves in AWS.
func (p planted) nowhere(t *testing.T, w world) {
	t.Helper()
	kept := w.kept(t)
	for _, kind := range []string{"object", "parameter", "log", "task definition", "function", "item", "layer", "manifest"} {
		n := 0
		for place, content := range kept {
			if !strings.HasPrefix(place, kind+" ") {
				continue
			}
			n++
			for name, value := range p.values {
				if strings.Contains(content, value) {
					t.Errorf("%s holds the %s", place, name)
				}
			}
		}
		if n == 0 {
			t.Errorf("no %s was looked at", kind)
		}
		t.Logf("looked for secrets in %d of kind %s", n, kind)
	}
}

// kept is all that runs leave in AWS, by its place: objects in every version
// (state and records among them), parameters, logs, task definitions, functions,
// items, and what the registry holds, layer by layer.
func (w world) kept(t *testing.T) map[string]string {
	t.Helper()
	kept := map[string]string{}
	w.keptObjects(t, kept)
	parameters := ssm.NewFromConfig(w.config)
	for _, p := range list(t, parameters.DescribeParameters).Parameters {
		got, err := parameters.GetParameter(t.Context(), &ssm.GetParameterInput{Name: p.Name, WithDecryption: aws.Bool(true)})
		if err != nil {
			t.Fatal(err)
		}
		kept["parameter "+*p.Name] = aws.ToString(got.Parameter.Value)
	}
	logs := cloudwatchlogs.NewFromConfig(w.config)
	for _, group := range list(t, logs.DescribeLogGroups).LogGroups {
		pages := cloudwatchlogs.NewFilterLogEventsPaginator(logs, &cloudwatchlogs.FilterLogEventsInput{LogGroupName: group.LogGroupName})
		for pages.HasMorePages() {
			page, err := pages.NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, event := range page.Events {
				kept["log "+*group.LogGroupName] += aws.ToString(event.Message) + "\n"
			}
		}
	}
	containers := ecs.NewFromConfig(w.config)
	for _, arn := range list(t, containers.ListTaskDefinitions).TaskDefinitionArns {
		got, err := containers.DescribeTaskDefinition(t.Context(), &ecs.DescribeTaskDefinitionInput{TaskDefinition: &arn})
		if err != nil {
			t.Fatal(err)
		}
		kept["task definition "+arn] = written(t, got.TaskDefinition)
	}
	for _, f := range list(t, lambda.NewFromConfig(w.config).ListFunctions).Functions {
		kept["function "+*f.FunctionName] = written(t, f)
	}
	db := dynamodb.NewFromConfig(w.config)
	for _, table := range list(t, db.ListTables).TableNames {
		got, err := db.Scan(t.Context(), &dynamodb.ScanInput{TableName: &table})
		if err != nil {
			t.Fatal(err)
		}
		kept["item of "+table] = written(t, got.Items)
	}
	w.keptImages(t, kept)
	return kept
}

func (w world) keptObjects(t *testing.T, kept map[string]string) {
	t.Helper()
	for _, bucket := range list(t, w.s3().ListBuckets).Buckets {
		pages := s3.NewListObjectVersionsPaginator(w.s3(), &s3.ListObjectVersionsInput{Bucket: bucket.Name})
		for pages.HasMorePages() {
			page, err := pages.NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, version := range page.Versions {
				got, err := w.s3().GetObject(t.Context(), &s3.GetObjectInput{Bucket: bucket.Name, Key: version.Key, VersionId: version.VersionId})
				if err != nil {
					t.Fatal(err)
				}
				kept[fmt.Sprintf("object %s/%s %s", *bucket.Name, *version.Key, aws.ToString(version.VersionId))] = unpacked(t, read(t, got.Body))
				_ = got.Body.Close()
			}
		}
	}
}

// keptImages reads the registry by the distribution protocol (OCI distribution
// specification 1.1): every manifest, and every blob that one names.
func (w world) keptImages(t *testing.T, kept map[string]string) {
	t.Helper()
	registry := ecr.NewFromConfig(w.config)
	digests := regexp.MustCompile(`sha256:[0-9a-f]{64}`)
	for _, repository := range list(t, registry.DescribeRepositories).Repositories {
		images, err := registry.ListImages(t.Context(), &ecr.ListImagesInput{RepositoryName: repository.RepositoryName})
		if err != nil {
			t.Fatal(err)
		}
		for _, image := range images.ImageIds {
			base := *w.config.BaseEndpoint + "/v2/" + *repository.RepositoryName
			manifest := w.get(t, base+"/manifests/"+*image.ImageDigest)
			kept["manifest "+*image.ImageDigest] = manifest
			for _, blob := range digests.FindAllString(manifest, -1) {
				if place := "layer " + blob; kept[place] == "" && blob != *image.ImageDigest {
					kept[place] = unpacked(t, w.get(t, base+"/blobs/"+blob))
				}
			}
		}
	}
}

// get is the body of an answer of 200; what a manifest names and the registry does
// not have, such as another manifest, is empty.
func (w world) get(t *testing.T, address string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept", "*/*")
	request.SetBasicAuth("AWS", "any")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body := read(t, response.Body)
	switch response.StatusCode {
	case http.StatusOK:
		return body
	case http.StatusNotFound:
	default:
		t.Errorf("%s: %s %s", address, response.Status, body)
	}
	return ""
}

func read(t *testing.T, body io.Reader) string {
	t.Helper()
	content, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// written is a value as JSON.
func written(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// unpacked adds to a content what it holds in another form: what a gzip
// packs, the payload of a signed envelope.
func unpacked(t *testing.T, content string) string {
	t.Helper()
	if packed, err := gzip.NewReader(strings.NewReader(content)); err == nil {
		if plain, err := io.ReadAll(packed); err == nil {
			content += string(plain)
		}
	}
	var envelope struct{ Payload string }
	if json.Unmarshal([]byte(content), &envelope) == nil {
		if payload, err := base64.StdEncoding.DecodeString(envelope.Payload); err == nil {
			content += string(payload)
		}
	}
	return content
}
