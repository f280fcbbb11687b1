//go:build integration

package integration

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"sensor-backend/emulator/internal/testimage"
)

// function makes a Lambda function of the test application, version 1 with
// greeting "one" and the alias PROD on it, and returns its name.
func function(t *testing.T, api *lambda.Client, zip []byte) string {
	t.Helper()
	name := unique("function")
	roles := iam.NewFromConfig(config(t))
	role, err := roles.CreateRole(t.Context(), &iam.CreateRoleInput{
		RoleName: aws.String(name), AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":"lambda.amazonaws.com"}}]}`),
	})
	check(t, err)
	_, err = roles.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{
		RoleName: aws.String(name), PolicyName: aws.String("own"),
		PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["logs:CreateLogGroup","logs:CreateLogStream","logs:PutLogEvents","sqs:SendMessage"],"Resource":"*"}]}`),
	})
	check(t, err)
	_, err = api.CreateFunction(t.Context(), &lambda.CreateFunctionInput{
		FunctionName: aws.String(name), Role: role.Role.Arn, Runtime: types.RuntimeProvidedal2023, Handler: aws.String("bootstrap"),
		Code: &types.FunctionCode{ZipFile: zip}, Timeout: aws.Int32(10), Publish: true,
		Environment: &types.Environment{Variables: map[string]string{"GREETING": "one"}},
	})
	check(t, err)
	_, err = api.CreateAlias(t.Context(), &lambda.CreateAliasInput{
		FunctionName: aws.String(name), Name: aws.String("PROD"), FunctionVersion: aws.String("1"),
	})
	check(t, err)
	return name
}

// TestFunction follows one function through what a deployment does to it.
func TestFunction(t *testing.T) {
	api := lambda.NewFromConfig(config(t))
	program := testimage.Binary(t)
	name := function(t, api, testimage.Function(t, program, "one"))
	invoke := func(qualifier, payload string) *lambda.InvokeOutput {
		t.Helper()
		out, err := api.Invoke(t.Context(), &lambda.InvokeInput{
			FunctionName: aws.String(name), Qualifier: aws.String(qualifier), Payload: []byte(payload), LogType: types.LogTypeTail,
		})
		check(t, err)
		return out
	}

	first := invoke("PROD", `{"n":1}`)
	if aws.ToString(first.ExecutedVersion) != "1" || !strings.Contains(string(first.Payload), `"greeting":"one"`) || first.FunctionError != nil {
		t.Errorf("version 1 answered %s as %s", first.Payload, aws.ToString(first.ExecutedVersion))
	}
	if failed := invoke("PROD", `{"fail":true}`); aws.ToString(failed.FunctionError) != "Unhandled" {
		t.Errorf("a failure was answered with %+v", failed)
	}

	_, err := api.UpdateFunctionCode(t.Context(), &lambda.UpdateFunctionCodeInput{
		FunctionName: aws.String(name), ZipFile: testimage.Function(t, program, "two"),
	})
	check(t, err)
	cli(t, "lambda", "wait", "function-updated", "--function-name", name)
	published, err := api.PublishVersion(t.Context(), &lambda.PublishVersionInput{FunctionName: aws.String(name)})
	check(t, err)
	if aws.ToString(published.Version) != "2" {
		t.Fatalf("published %s", aws.ToString(published.Version))
	}
	weigh := func(version string, weights map[string]float64) {
		t.Helper()
		_, err := api.UpdateAlias(t.Context(), &lambda.UpdateAliasInput{
			FunctionName: aws.String(name), Name: aws.String("PROD"), FunctionVersion: aws.String(version),
			RoutingConfig: &types.AliasRoutingConfiguration{AdditionalVersionWeights: weights},
		})
		check(t, err)
	}
	weigh("1", map[string]float64{"2": 0.5})
	seen := map[string]bool{}
	for range 60 {
		seen[aws.ToString(invoke("PROD", `{}`).ExecutedVersion)] = true
		if seen["1"] && seen["2"] {
			break
		}
	}
	if !seen["1"] || !seen["2"] {
		t.Errorf("with half of the weight each, only %v ran", seen)
	}
	weigh("2", map[string]float64{})
	if got := aws.ToString(invoke("PROD", `{}`).ExecutedVersion); got != "2" {
		t.Errorf("after the alias moved, version %s ran", got)
	}

	out := filepath.Join(t.TempDir(), "answer.json")
	printed := cli(t, "lambda", "invoke", "--function-name", name, "--qualifier", "PROD", "--payload", `{"n":3}`, "--cli-binary-format", "raw-in-base64-out", out)
	answer, err := os.ReadFile(out)
	check(t, err)
	if !strings.Contains(printed, `"ExecutedVersion": "2"`) || !strings.Contains(string(answer), `"n":3`) {
		t.Errorf("the AWS CLI got %s %s", printed, answer)
	}
	if _, err := tryCLI(t, "lambda", "invoke", "--function-name", unique("none"), out); err == nil {
		t.Error("a function that is not there answered")
	}
}

// TestBucketEvents drops objects into a bucket: what the function is called
// with arrives at its success destination.
func TestBucketEvents(t *testing.T) {
	c := config(t)
	api := lambda.NewFromConfig(c)
	buckets := s3.NewFromConfig(c, func(o *s3.Options) { o.UsePathStyle = true })
	queues := sqs.NewFromConfig(c)
	name := function(t, api, testimage.Function(t, testimage.Binary(t), "events"))
	queue, err := queues.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String(name)})
	check(t, err)
	attributes, err := queues.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: queue.QueueUrl, AttributeNames: []sqstypes.QueueAttributeName{"QueueArn"}})
	check(t, err)
	_, err = api.PutFunctionEventInvokeConfig(t.Context(), &lambda.PutFunctionEventInvokeConfigInput{
		FunctionName: aws.String(name), Qualifier: aws.String("PROD"), MaximumRetryAttempts: aws.Int32(0),
		DestinationConfig: &types.DestinationConfig{OnSuccess: &types.OnSuccess{Destination: aws.String(attributes.Attributes["QueueArn"])}},
	})
	check(t, err)
	bucket := unique("bucket")
	_, err = buckets.CreateBucket(t.Context(), &s3.CreateBucketInput{
		Bucket: aws.String(bucket), CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: region},
	})
	check(t, err)
	live, err := api.GetAlias(t.Context(), &lambda.GetAliasInput{FunctionName: aws.String(name), Name: aws.String("PROD")})
	check(t, err)
	_, err = api.AddPermission(t.Context(), &lambda.AddPermissionInput{
		FunctionName: aws.String(name), Qualifier: aws.String("PROD"), StatementId: aws.String("bucket"), Action: aws.String("lambda:InvokeFunction"),
		Principal: aws.String("s3.amazonaws.com"), SourceArn: aws.String("arn:aws:s3:::" + bucket),
	})
	check(t, err)
	_, err = buckets.PutBucketNotificationConfiguration(t.Context(), &s3.PutBucketNotificationConfigurationInput{
		Bucket: aws.String(bucket),
		NotificationConfiguration: &s3types.NotificationConfiguration{LambdaFunctionConfigurations: []s3types.LambdaFunctionConfiguration{{
			Id: aws.String("in"), LambdaFunctionArn: live.AliasArn, Events: []s3types.Event{"s3:ObjectCreated:*"},
			Filter: &s3types.NotificationConfigurationFilter{Key: &s3types.S3KeyFilter{FilterRules: []s3types.FilterRule{{Name: "prefix", Value: aws.String("in/")}}}},
		}}},
	})
	check(t, err)
	for _, key := range []string{"out/ignored.csv", "in/a b+c.csv"} {
		_, err = buckets.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String(bucket), Key: aws.String(key), Body: strings.NewReader("content")})
		check(t, err)
	}

	var message struct {
		RequestContext struct{ FunctionArn, Condition string }
		RequestPayload struct {
			Records []struct {
				S3 struct {
					Object struct {
						Key  string
						Size int64
					}
				}
			}
		}
	}
	eventually(t, 30*time.Second, "the event reaches the function", func() (bool, any) {
		got, err := queues.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: queue.QueueUrl})
		if err != nil || len(got.Messages) == 0 {
			return false, err
		}
		check(t, json.Unmarshal([]byte(aws.ToString(got.Messages[0].Body)), &message))
		return true, message
	})
	if message.RequestContext.Condition != "Success" || message.RequestContext.FunctionArn != aws.ToString(live.AliasArn) {
		t.Errorf("the function's end was told as %+v", message.RequestContext)
	}
	if records := message.RequestPayload.Records; len(records) != 1 || records[0].S3.Object.Key != "in/a+b%2Bc.csv" || records[0].S3.Object.Size != 7 {
		t.Errorf("the event was %+v", message.RequestPayload)
	}
}
