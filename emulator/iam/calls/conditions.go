package calls

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"strings"

	"sensor-backend/emulator/iam"
)

// conditions are what the request itself says, by condition keys.
func (d *Reader) conditions(ctx context.Context, q *request, action string) (iam.Values, error) {
	v := iam.Values{}
	for key, value := range q.tags {
		v.Set("aws:RequestTag/"+key, value)
	}
	if keys := q.tagKeys(); len(keys) > 0 {
		v.Set("aws:TagKeys", keys...)
	}
	put := func(key string, parameters ...string) {
		if values := q.all(parameters...); len(values) > 0 {
			v.Set(key, values...)
		}
	}
	switch q.service {
	case "dynamodb":
		keys, err := d.leadingKeys(ctx, q)
		if err != nil {
			return nil, err
		}
		if len(keys) > 0 {
			v.Set("dynamodb:LeadingKeys", keys...)
		}
	case "ec2":
		v.Set("ec2:Region", q.region)
	case "ecs":
		d.ecsConditions(q, v)
	case "iam":
		put("iam:PolicyARN", "PolicyArn")
		if action == "CreateRole" || action == "PutRolePermissionsBoundary" {
			put("iam:PermissionsBoundary", "PermissionsBoundary")
		}
		put("iam:AWSServiceName", "AWSServiceName")
	case "kms":
		for path, values := range q.values {
			if name, found := strings.CutPrefix(path, "EncryptionContext."); found {
				v.Set("kms:EncryptionContext:"+name, values...)
			}
		}
		if _, name, found := strings.Cut(q.first("KeyId"), "alias/"); found {
			v.Set("kms:RequestAlias", "alias/"+name)
		}
	case "lambda":
		if action == "AddPermission" || action == "RemovePermission" {
			put("lambda:Principal", "Principal")
		}
	case "s3":
		d.s3Conditions(q, v)
	case "sns":
		put("sns:Protocol", "Protocol")
		put("sns:Endpoint", "Endpoint")
	case "sts":
		put("sts:ExternalId", "ExternalId")
		put("sts:RoleSessionName", "RoleSessionName")
	}
	return v, nil
}

// tagKeys are the keys of the tags that are set or removed.
func (q *request) tagKeys() []string {
	keys := slices.Sorted(maps.Keys(q.tags))
	return append(keys, q.all("tagKeys", "TagKeys", "TagKeys.TagKey")...)
}

func (d *Reader) ecsConditions(q *request, v iam.Values) {
	cluster := q.first("cluster")
	switch {
	case strings.HasPrefix(cluster, "arn:"):
	case cluster != "":
		cluster = q.arn("ecs", "cluster/"+cluster)
	case strings.HasSuffix(q.operation, "Task") || strings.HasSuffix(q.operation, "Tasks") || strings.Contains(q.operation, "Service"):
		cluster = q.arn("ecs", "cluster/"+q.other("ClusterName"))
	default:
		return
	}
	v.Set("ecs:cluster", cluster)
	if service := q.first("service", "serviceName"); service != "" && strings.Contains(q.operation, "Task") {
		name := service[strings.LastIndexByte(service, '/')+1:]
		v.Set("ecs:service", q.arn("ecs", "service/"+trimName("ecs", "ClusterName", cluster)+"/"+name))
	}
}

func (d *Reader) s3Conditions(q *request, v iam.Values) {
	query := q.http.URL.Query()
	for parameter, key := range map[string]string{"prefix": "s3:prefix", "delimiter": "s3:delimiter", "max-keys": "s3:max-keys", "versionId": "s3:VersionId"} {
		if query.Has(parameter) {
			v.Set(key, query.Get(parameter))
		}
	}
	for header, key := range map[string]string{
		"X-Amz-Acl": "s3:x-amz-acl", "X-Amz-Server-Side-Encryption": "s3:x-amz-server-side-encryption",
		"X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id": "s3:x-amz-server-side-encryption-aws-kms-key-id",
	} {
		if value := q.http.Header.Get(header); value != "" {
			v.Set(key, value)
		}
	}
}

// leadingKeys are the values of the partition keys that an operation on items reads
// or writes; a scan has none. An operation on items that names none that can be read
// has an empty one, which no policy lists: nothing is allowed unproven.
func (d *Reader) leadingKeys(ctx context.Context, q *request) ([]string, error) {
	if !strings.Contains(q.operation, "Item") && q.operation != "Query" {
		return nil, nil
	}
	var keys []string
	for _, arn := range q.tables() {
		_, table, _ := strings.Cut(arn, ":table/")
		table, _, _ = strings.Cut(table, "/index/")
		hash, err := d.facts.HashKey(ctx, q.region, table)
		if err != nil || hash == "" {
			return nil, err
		}
		batch := "RequestItems." + table + "."
		for _, path := range [...]string{
			"Key.", "Item.", "KeyConditions." + hash + ".AttributeValueList",
			"TransactItems.Put.Item.", "TransactItems.Update.Key.", "TransactItems.Delete.Key.", "TransactItems.ConditionCheck.Key.", "TransactItems.Get.Key.",
			batch + "Keys.", batch + "PutRequest.Item.", batch + "DeleteRequest.Key.",
		} {
			if strings.HasSuffix(path, ".") {
				path += hash
			}
			for _, kind := range [...]string{".S", ".N", ".B"} {
				keys = append(keys, q.values[path+kind]...)
			}
		}
		if q.operation == "Query" {
			keys = append(keys, q.queriedKey(hash)...)
		}
	}
	if len(keys) == 0 {
		keys = []string{""}
	}
	return keys, nil
}

var equality = regexp.MustCompile(`([#\w.-]+)\s*=\s*(:\w+)`)

// queriedKey finds the partition key's value in the condition of a query.
func (q *request) queriedKey(hash string) []string {
	for _, match := range equality.FindAllStringSubmatch(q.first("KeyConditionExpression"), -1) {
		name := match[1]
		if strings.HasPrefix(name, "#") {
			name = q.first("ExpressionAttributeNames." + name)
		}
		if name != hash {
			continue
		}
		for _, kind := range [...]string{".S", ".N", ".B"} {
			if values := q.values["ExpressionAttributeValues."+match[2]+kind]; len(values) > 0 {
				return values
			}
		}
	}
	return nil
}
