package smoke

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamotypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// file drops a sensor file in the source bucket and checks all that the
// processor makes of it: metadata row, processed object, alerts, and the
// API's answer.
func (r runner) file(ctx context.Context) (string, error) {
	// A key with a space and a plus sign travels encoded in the event.
	key := fmt.Sprintf("incoming/%s/%s/day 1+2.csv", r.sensor, metric)
	listener, err := r.listen(ctx)
	if err != nil {
		return "", err
	}
	defer listener.close(ctx)

	_, err = r.Objects.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &r.SourceBucket, Key: &key, Body: bytes.NewReader(r.File), ContentType: aws.String("text/csv"),
	})
	if err != nil {
		return "", fmt.Errorf("put %s into %s: %w", key, r.SourceBucket, err)
	}
	row, err := r.metadata(ctx, key)
	if err != nil {
		return "", err
	}
	if row.rows == 0 || row.anomalies == 0 || row.status != "processed" {
		return "", fmt.Errorf("the row of %s says status %q, %d rows, %d anomalies: want processed, some and some", key, row.status, row.rows, row.anomalies)
	}
	lines, err := r.processed(ctx, row.processedKey)
	if err != nil {
		return "", err
	}
	if lines != row.rows {
		return "", fmt.Errorf("%s holds %d readings, its row says %d", row.processedKey, lines, row.rows)
	}
	if err := listener.await(ctx, key); err != nil {
		return "", err
	}
	var object struct {
		Key  string `json:"object_key"`
		Rows int    `json:"rows"`
	}
	if err := r.call(ctx, http.MethodGet, "/v1/objects/"+url.PathEscape(key), nil, http.StatusOK, &object); err != nil {
		return "", err
	}
	if object.Key != key || object.Rows != row.rows {
		return "", fmt.Errorf("the API says %q has %d rows, the table says %q has %d", object.Key, object.Rows, key, row.rows)
	}
	return fmt.Sprintf("%d rows processed, %d anomalies, alert received", row.rows, row.anomalies), nil
}

// metadataRow is what the checks read of an object's row.
type metadataRow struct {
	status, processedKey string
	rows, anomalies      int
}

func (r runner) metadata(ctx context.Context, key string) (metadataRow, error) {
	var item map[string]dynamotypes.AttributeValue
	err := r.await(ctx, "the metadata row of "+key, func(ctx context.Context) (bool, error) {
		out, err := r.Rows.GetItem(ctx, &dynamodb.GetItemInput{
			TableName:      &r.MetadataTable,
			Key:            map[string]dynamotypes.AttributeValue{"object_key": &dynamotypes.AttributeValueMemberS{Value: key}},
			ConsistentRead: aws.Bool(true),
		})
		if err != nil {
			return false, err
		}
		item = out.Item
		return len(item) > 0, nil
	})
	if err != nil {
		return metadataRow{}, fmt.Errorf("%w; see the processor's log", err)
	}
	row := metadataRow{status: text(item["status"]), processedKey: text(item["processed_key"])}
	var errRows, errAnomalies error
	row.rows, errRows = strconv.Atoi(text(item["rows"]))
	row.anomalies, errAnomalies = strconv.Atoi(text(item["anomalies"]))
	if err := errors.Join(errRows, errAnomalies); err != nil {
		return row, fmt.Errorf("the row of %s: %w", key, err)
	}
	return row, nil
}

// text is the value of a string or number attribute, and empty for any other.
func text(v dynamotypes.AttributeValue) string {
	switch v := v.(type) {
	case *dynamotypes.AttributeValueMemberS:
		return v.Value
	case *dynamotypes.AttributeValueMemberN:
		return v.Value
	}
	return ""
}

// processed counts the lines of a processed object.
func (r runner) processed(ctx context.Context, key string) (int, error) {
	out, err := r.Objects.GetObject(ctx, &s3.GetObjectInput{Bucket: &r.ProcessedBucket, Key: &key})
	if err != nil {
		return 0, fmt.Errorf("get %s from %s: %w", key, r.ProcessedBucket, err)
	}
	defer func() { _ = out.Body.Close() }()
	unzipped, err := gzip.NewReader(out.Body)
	if err != nil {
		return 0, fmt.Errorf("read %s: %w", key, err)
	}
	lines := 0
	scanner := bufio.NewScanner(unzipped)
	for scanner.Scan() {
		if !strings.Contains(scanner.Text(), r.sensor) {
			return 0, fmt.Errorf("%s, line %d, is not of sensor %s", key, lines+1, r.sensor)
		}
		lines++
	}
	return lines, scanner.Err()
}
