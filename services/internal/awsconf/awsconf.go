// Package awsconf loads the AWS configuration both programs share, from the
// environment alone.
package awsconf

import (
	"context"
	"fmt"
	"os"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// Load reads region, endpoint and credentials as the SDK finds them.
func Load(ctx context.Context) (aws.Config, error) {
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return aws.Config{}, fmt.Errorf("load the AWS configuration: %w", err)
	}
	if cfg.Region == "" {
		return aws.Config{}, fmt.Errorf("no AWS region: set AWS_REGION")
	}
	return cfg, nil
}

// S3 makes an S3 client. With AWS_S3_USE_PATH_STYLE=true the bucket goes into
// the path, for endpoints that have no name for each bucket.
func S3(cfg aws.Config) (*s3.Client, error) {
	pathStyle := false
	if text := os.Getenv("AWS_S3_USE_PATH_STYLE"); text != "" {
		var err error
		if pathStyle, err = strconv.ParseBool(text); err != nil {
			return nil, fmt.Errorf("AWS_S3_USE_PATH_STYLE is %q, expected true or false", text)
		}
	}
	return s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = pathStyle }), nil
}
