package lock

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/smithy-go/middleware"
)

// TestGuard lets reads through and stops each change of a lost lock before it is
// sent.
func TestGuard(t *testing.T) {
	t.Parallel()
	sent := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		sent++
		_, _ = w.Write([]byte("{}"))
	}))
	t.Cleanup(server.Close)
	var lost error
	config := aws.Config{
		Region: "eu-central-1", BaseEndpoint: aws.String(server.URL),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "a", SecretAccessKey: "b"}, nil
		}),
		APIOptions: []func(*middleware.Stack) error{Guard(func(context.Context) error { return lost })},
	}
	services, functions := ecs.NewFromConfig(config), lambda.NewFromConfig(config)
	calls := map[string]func() error{
		"read": func() error {
			_, err := services.DescribeServices(t.Context(), &ecs.DescribeServicesInput{Services: []string{"a"}})
			return err
		},
		"update": func() error {
			_, err := services.UpdateService(t.Context(), &ecs.UpdateServiceInput{Service: aws.String("a")})
			return err
		},
		"alias": func() error {
			_, err := functions.UpdateAlias(t.Context(), &lambda.UpdateAliasInput{FunctionName: aws.String("a"), Name: aws.String("b")})
			return err
		},
	}
	for _, lost = range []error{nil, &LostError{Name: "deploy/a"}} {
		for name, call := range calls {
			before := sent
			err := call()
			stops := lost != nil && name != "read"
			if (sent == before) != stops || errors.Is(err, lost) != stops && lost != nil {
				t.Errorf("%s with lost %v: sent %d, %v", name, lost, sent-before, err)
			}
		}
	}
}

func TestChanges(t *testing.T) {
	t.Parallel()
	for operation, want := range map[string]bool{
		"DescribeServices": false, "GetAlias": false, "ListTasks": false, "FilterLogEvents": false, "HeadBucket": false,
		"UpdateService": true, "RunTask": true, "PutParameter": true, "PublishVersion": true, "StopServiceDeployment": true, "Invoke": true, "": true,
	} {
		if got := changes(operation); got != want {
			t.Errorf("%s changes something: %v", operation, got)
		}
	}
}
