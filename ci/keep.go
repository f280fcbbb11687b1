package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"dagger/sensor-backend/lambdazip"
	"dagger/sensor-backend/record"
	"dagger/sensor-backend/report"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// keep puts the run's record and its page beside the state. A run that worked on
// no environment leaves none; a record that cannot be kept changes no outcome.
func (m *SensorBackend) keep(ctx context.Context, c *cloud, r record.Record) {
	if c == nil {
		return
	}
	if err := m.keepIn(context.WithoutCancel(ctx), c, r); err != nil {
		say("the run's record is not kept: %v", err)
	}
}

func (m *SensorBackend) keepIn(ctx context.Context, c *cloud, r record.Record) error {
	place, err := m.statePlace(ctx, c)
	if err != nil {
		return err
	}
	kept, err := r.Encode()
	if err != nil {
		return err
	}
	page, err := report.HTML(r)
	if err != nil {
		return err
	}
	for key, content := range map[string][]byte{r.Key(): kept, strings.TrimSuffix(r.Key(), ".json") + ".html": page} {
		kind := "application/json"
		if strings.HasSuffix(key, ".html") {
			kind = "text/html; charset=utf-8"
		}
		_, err := c.s3().PutObject(ctx, &s3.PutObjectInput{
			Bucket: aws.String(place.Bucket), Key: aws.String(key), Body: bytes.NewReader(content), ContentType: aws.String(kind),
		})
		if err != nil {
			return fmt.Errorf("write %s: %w", key, err)
		}
	}
	return nil
}

// zipDigest names a package as registries name images.
func zipDigest(zip lambdazip.Archive) string {
	sum := sha256.Sum256(zip.Zip)
	return "sha256:" + hex.EncodeToString(sum[:])
}
