package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"sensor-backend/plancheck/store"
)

// keeper reads the flags of save and fetch. Credentials, region and an
// emulator's address come from the environment, as Terraform's do.
func keeper(ctx context.Context, name string, args []string, want int) (store.Store, []string, error) {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	place := flags.String("place", "", "where plans are kept: BUCKET/PREFIX")
	if err := flags.Parse(args); err != nil {
		return store.Store{}, nil, err
	}
	bucket, prefix, ok := strings.Cut(*place, "/")
	if !ok || flags.NArg() != want {
		return store.Store{}, nil, errors.New("usage: save -place BUCKET/PREFIX FILE, or fetch -place BUCKET/PREFIX ID FILE")
	}
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return store.Store{}, nil, fmt.Errorf("read the AWS settings: %w", err)
	}
	client := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = os.Getenv("AWS_S3_USE_PATH_STYLE") == "true" })
	return store.Store{Objects: client, Bucket: bucket, Prefix: prefix}, flags.Args(), nil
}

// save keeps a plan and reports its id.
func save(ctx context.Context, args []string, _ io.Reader, stdout io.Writer) error {
	plans, files, err := keeper(ctx, "save", args, 1)
	if err != nil {
		return err
	}
	content, err := os.ReadFile(files[0]) //nolint:gosec // G703: the file is named on the command line
	if err != nil {
		return fmt.Errorf("read the plan: %w", err)
	}
	id, err := plans.Save(ctx, content)
	if err != nil {
		return err
	}
	return report(stdout, []string{"saved as " + id})
}

// fetch brings a plan back.
func fetch(ctx context.Context, args []string, _ io.Reader, _ io.Writer) error {
	plans, given, err := keeper(ctx, "fetch", args, 2)
	if err != nil {
		return err
	}
	content, err := plans.Fetch(ctx, given[0])
	if err != nil {
		return err
	}
	if err := os.WriteFile(given[1], content, 0o600); err != nil { //nolint:gosec // G703: the file is named on the command line
		return fmt.Errorf("write the plan: %w", err)
	}
	return nil
}
