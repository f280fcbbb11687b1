package access

import (
	"context"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"sensor-backend/emulator/awsapi"
)

// facts answers what must be known besides a request.
type facts struct{ access *Access }

// KeyOf is the customer managed key behind a resource; "" is none.
func (f facts) KeyOf(ctx context.Context, arn string) (string, error) {
	const parts = 6
	fields := strings.SplitN(arn, ":", parts)
	if len(fields) < parts || strings.HasSuffix(arn, "*") {
		return "", nil
	}
	service, region, name := fields[2], fields[3], fields[5]
	s := f.access.store
	return keep(s, service, "key of "+arn, func() (string, error) {
		key, err := s.keyOf(ctx, service, region, name, arn)
		if notThere(err) || err == nil && key == "" {
			return "", nil
		}
		if err != nil {
			return "", fmt.Errorf("read the key of %s: %w", arn, err)
		}
		if region == "" {
			// A bucket's key names its own region.
			if fields := strings.Split(key, ":"); len(fields) == parts {
				region = fields[3]
			} else {
				region = awsapi.DefaultRegion
			}
		}
		own, customer, err := f.Key(ctx, region, key)
		if !customer {
			own = ""
		}
		return own, err
	})
}

// keyOf is the key as the resource names it.
func (s *store) keyOf(ctx context.Context, service, region, name, arn string) (string, error) {
	switch service {
	case "s3":
		raw, err := s.moto.Get(ctx, "s3", awsapi.DefaultRegion, "/"+url.PathEscape(name)+"?encryption")
		if err != nil {
			return "", err
		}
		var out struct {
			Key string `xml:"Rule>ApplyServerSideEncryptionByDefault>KMSMasterKeyID"`
		}
		if err := xml.Unmarshal(raw, &out); err != nil {
			return "", err
		}
		return out.Key, nil
	case "dynamodb":
		table, _, _ := strings.Cut(strings.TrimPrefix(name, "table/"), "/")
		var out struct {
			Table struct {
				SSEDescription struct {
					KMSMasterKeyArn string
				}
			}
		}
		err := s.moto.JSON(ctx, region, "DynamoDB_20120810.DescribeTable", map[string]string{"TableName": table}, &out)
		return out.Table.SSEDescription.KMSMasterKeyArn, err
	case "sns":
		attributes, err := s.topic(ctx, region, arn)
		return attributes["KmsMasterKeyId"], err
	case "sqs":
		attributes, err := s.queue(ctx, region, name)
		return attributes["KmsMasterKeyId"], err
	case "lambda":
		path := strings.Split(name, ":")
		if len(path) < 2 {
			return "", nil
		}
		var out struct{ KMSKeyArn string }
		err := s.moto.REST(ctx, http.MethodGet, "lambda", region, "/2015-03-31/functions/"+url.PathEscape(path[1])+"/configuration", nil, &out)
		return out.KMSKeyArn, err
	case "ssm":
		var out struct {
			Parameters []struct{ KeyID string }
		}
		err := s.moto.JSON(ctx, region, "AmazonSSM.DescribeParameters", map[string]any{
			"ParameterFilters": []map[string]any{{"Key": "Name", "Values": []string{strings.TrimPrefix(name, "parameter")}}},
		}, &out)
		if err != nil || len(out.Parameters) == 0 {
			return "", err
		}
		return out.Parameters[0].KeyID, nil
	}
	return "", nil
}

// key is a key with its ARN.
type key struct {
	arn      string
	customer bool
}

// Key finds a key by id, ARN or alias. AWS's own keys, whose aliases begin with
// alias/aws/, are everybody's in the account.
func (f facts) Key(ctx context.Context, region, name string) (arn string, customer bool, err error) {
	if name == "" {
		return "", false, nil
	}
	s := f.access.store
	found, err := keep(s, "kms", "key "+region+" "+name, func() (key, error) {
		var out struct {
			KeyMetadata struct {
				Arn        string
				KeyManager string
			}
		}
		err := s.moto.JSON(ctx, region, "TrentService.DescribeKey", map[string]string{"KeyId": name}, &out)
		if notThere(err) {
			return key{}, nil
		}
		return key{out.KeyMetadata.Arn, out.KeyMetadata.KeyManager != "AWS" && !strings.Contains(name, "alias/aws/")}, err
	})
	return found.arn, found.customer, err
}

// HashKey is the partition key of a table; "" if there is no such table.
func (f facts) HashKey(ctx context.Context, region, table string) (string, error) {
	s := f.access.store
	return keep(s, "dynamodb", "hash "+region+" "+table, func() (string, error) {
		var out struct {
			Table struct {
				KeySchema []struct{ AttributeName, KeyType string }
			}
		}
		err := s.moto.JSON(ctx, region, "DynamoDB_20120810.DescribeTable", map[string]string{"TableName": table}, &out)
		if notThere(err) {
			return "", nil
		}
		for _, part := range out.Table.KeySchema {
			if part.KeyType == "HASH" {
				return part.AttributeName, err
			}
		}
		return "", err
	})
}

// TaskRoles are the roles of a task definition.
func (f facts) TaskRoles(ctx context.Context, region, definition string) ([]string, error) {
	var out struct {
		Definition struct {
			TaskRole      string `json:"taskRoleArn"`
			ExecutionRole string `json:"executionRoleArn"`
		} `json:"taskDefinition"`
	}
	err := f.access.moto.JSON(ctx, region, "AmazonEC2ContainerServiceV20141113.DescribeTaskDefinition", map[string]string{"taskDefinition": definition}, &out)
	if err != nil {
		// ECS says itself that there is no such definition.
		return nil, nil //nolint:nilerr // see above
	}
	var roles []string
	for _, role := range []string{out.Definition.TaskRole, out.Definition.ExecutionRole} {
		if role != "" {
			roles = append(roles, role)
		}
	}
	return roles, nil
}

// Lacks says whether the account is new and has not got a service-linked role.
func (f facts) Lacks(ctx context.Context, role string) (bool, error) {
	if !f.access.profile.get().NoLinkedRoles {
		return false, nil
	}
	// Moto spells the names of some otherwise; each has a path of its own.
	_, path, _ := strings.Cut(role, ":role")
	roles, err := f.access.store.rolesBelow(ctx, path[:strings.LastIndexByte(path, '/')+1])
	return len(roles) == 0, err
}

// tagsOf reads the tags of a resource.
func (s *store) tagsOf(ctx context.Context, arn string) (map[string]string, error) {
	const parts = 6
	fields := strings.SplitN(arn, ":", parts)
	if len(fields) < parts || strings.HasSuffix(arn, "*") {
		return nil, nil
	}
	service, region, name := fields[2], fields[3], fields[5]
	tags := map[string]string{}
	switch service {
	case "kms":
		var out struct {
			Tags []struct{ TagKey, TagValue string }
		}
		err := s.moto.JSON(ctx, region, "TrentService.ListResourceTags", map[string]string{"KeyId": arn}, &out)
		for _, tag := range out.Tags {
			tags[tag.TagKey] = tag.TagValue
		}
		return tags, ignoreMissing(err)
	case "ec2":
		raw, err := s.moto.Form(ctx, "ec2", region, url.Values{
			"Action": {"DescribeTags"}, "Version": {"2016-11-15"}, "Filter.1.Name": {"resource-id"},
			"Filter.1.Value.1": {name[strings.LastIndexByte(name, '/')+1:]},
		})
		if err != nil {
			return nil, err
		}
		var out struct {
			Items []struct {
				Key   string `xml:"key"`
				Value string `xml:"value"`
			} `xml:"tagSet>item"`
		}
		err = xml.Unmarshal(raw, &out)
		for _, item := range out.Items {
			tags[item.Key] = item.Value
		}
		return tags, err
	case "s3":
		bucket, _, _ := strings.Cut(name, "/")
		raw, err := s.moto.Get(ctx, "s3", awsapi.DefaultRegion, "/"+url.PathEscape(bucket)+"?tagging")
		if err != nil {
			return tags, ignoreMissing(err)
		}
		var out struct {
			Tags []struct{ Key, Value string } `xml:"TagSet>Tag"`
		}
		err = xml.Unmarshal(raw, &out)
		for _, tag := range out.Tags {
			tags[tag.Key] = tag.Value
		}
		return tags, err
	case "ecs", "dynamodb", "iam":
		return s.listedTags(ctx, service, region, name, arn)
	}
	return nil, fmt.Errorf("the emulated AWS cannot read the tags of %s, which a policy asks for; teach it to emulator/iam/access", arn)
}

// listedTags are the tags of services with an operation to list them.
func (s *store) listedTags(ctx context.Context, service, region, name, arn string) (map[string]string, error) {
	tags := map[string]string{}
	switch service {
	case "ecs":
		var out struct {
			Tags []struct{ Key, Value string } `json:"tags"`
		}
		err := s.moto.JSON(ctx, region, "AmazonEC2ContainerServiceV20141113.ListTagsForResource", map[string]string{"resourceArn": arn}, &out)
		for _, tag := range out.Tags {
			tags[tag.Key] = tag.Value
		}
		return tags, ignoreMissing(err)
	case "dynamodb":
		var out struct {
			Tags []struct{ Key, Value string }
		}
		err := s.moto.JSON(ctx, region, "DynamoDB_20120810.ListTagsOfResource", map[string]string{"ResourceArn": arn}, &out)
		for _, tag := range out.Tags {
			tags[tag.Key] = tag.Value
		}
		return tags, ignoreMissing(err)
	default:
		raw, err := s.moto.Form(ctx, "iam", awsapi.DefaultRegion, url.Values{
			"Action": {"ListRoleTags"}, "Version": {"2010-05-08"}, "RoleName": {name[strings.LastIndexByte(name, '/')+1:]},
		})
		if err != nil {
			return tags, ignoreMissing(err)
		}
		var out struct {
			Tags []struct{ Key, Value string } `xml:"ListRoleTagsResult>Tags>member"`
		}
		err = xml.Unmarshal(raw, &out)
		for _, tag := range out.Tags {
			tags[tag.Key] = tag.Value
		}
		return tags, err
	}
}

func ignoreMissing(err error) error {
	if notThere(err) {
		return nil
	}
	return err
}

// aliases are the names of a key.
func (s *store) aliases(ctx context.Context, key string) ([]string, error) {
	region := strings.Split(key, ":")[3]
	return keep(s, "kms", "aliases "+key, func() ([]string, error) {
		var out struct {
			Aliases []struct{ AliasName, TargetKeyID string }
		}
		if err := s.moto.JSON(ctx, region, "TrentService.ListAliases", map[string]any{"Limit": 1000}, &out); err != nil {
			return nil, err
		}
		var names []string
		for _, a := range out.Aliases {
			if a.TargetKeyID != "" && strings.HasSuffix(key, "/"+a.TargetKeyID) {
				names = append(names, a.AliasName)
			}
		}
		return names, nil
	})
}
