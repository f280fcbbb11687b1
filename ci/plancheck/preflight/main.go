// Command preflight says whether an AWS account is ready for a deploy; it reads only.
// Its argument is a file with what `terraform test -json -verbose` planned. Credentials
// and region come from the environment, as for the AWS CLI. Exit code 1 means that a
// check failed; the report is on standard output either way.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"

	"github.com/aws/aws-sdk-go-v2/config"

	"sensor-backend/plancheck/plan"
	"sensor-backend/plancheck/ready"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "preflight:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout io.Writer) error {
	var q ready.Question
	flags := flag.NewFlagSet("preflight", flag.ContinueOnError)
	deploy := flags.Bool("deploy", false, "fail only for what a deploy would fail for")
	flags.StringVar(&q.Place.Bucket, "state-bucket", "", "bucket of Terraform's state")
	flags.StringVar(&q.Place.Key, "state-key", "", "key of the state in it")
	flags.StringVar(&q.Place.Table, "lock-table", "", "table of the locks")
	flags.StringVar(&q.Role, "role", "", "name of the role that a workflow takes")
	flags.StringVar(&q.Subject.Repository, "github-repository", "", "OWNER/NAME of the workflow's repository")
	flags.StringVar(&q.Subject.OwnerID, "github-owner-id", "", "number of the repository's owner")
	flags.StringVar(&q.Subject.RepositoryID, "github-repository-id", "", "number of the repository")
	flags.StringVar(&q.Subject.Environment, "github-environment", "", "environment of the workflow's job")
	flags.BoolVar(&q.PathStyle, "path-style", false, "address buckets by path")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() != 1 || q.Place.Bucket == "" || q.Place.Key == "" || q.Place.Table == "" {
		return errors.New("give --state-bucket, --state-key, --lock-table and the file of the plan")
	}
	file, err := os.Open(flags.Arg(0))
	if err != nil {
		return fmt.Errorf("read the plan: %w", err)
	}
	q.Plan, err = plan.ReadTest(file)
	_ = file.Close()
	if err != nil {
		return err
	}
	loaded, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	report := ready.All(ctx, loaded, q)
	_, _ = fmt.Fprint(stdout, report)
	return report.Err(*deploy)
}
