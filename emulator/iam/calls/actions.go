package calls

import "strings"

// actionsOf names the actions of an operation, where they are not called as it is.
func actionsOf(q *request) []string {
	versioned := func(plain, version string) []string {
		if q.first("VersionId") != "" {
			return []string{version}
		}
		return []string{plain}
	}
	switch q.service {
	case "s3":
		switch q.operation {
		case "GetObject", "HeadObject":
			return versioned("GetObject", "GetObjectVersion")
		case "DeleteObject":
			return versioned("DeleteObject", "DeleteObjectVersion")
		case "GetObjectTagging":
			return versioned("GetObjectTagging", "GetObjectVersionTagging")
		case "DeleteObjects":
			var names []string
			if len(q.values["Key"]) > 0 {
				names = append(names, "DeleteObject")
			}
			if len(q.values["VersionedKey"]) > 0 {
				names = append(names, "DeleteObjectVersion")
			}
			return names
		}
		return []string{s3Action(q.operation)}
	case "budgets":
		if strings.Contains(q.operation, "Tag") {
			return []string{q.operation}
		}
		if reads(q.operation) {
			return []string{"ViewBudget"}
		}
		return []string{"ModifyBudget"}
	case "dynamodb":
		switch q.operation {
		case "TransactGetItems":
			return []string{"GetItem"}
		case "TransactWriteItems":
			return transacted(q)
		}
	case "kms":
		if q.operation == "ReEncrypt" {
			return []string{"ReEncryptFrom", "ReEncryptTo"}
		}
	case "sns", "sqs":
		return []string{strings.TrimSuffix(q.operation, "Batch")}
	}
	return []string{q.operation}
}

// transacted are the actions of the parts of a TransactWriteItems.
func transacted(q *request) []string {
	var names []string
	for _, part := range [...]struct{ parameter, action string }{
		{"Put", "PutItem"}, {"Update", "UpdateItem"}, {"Delete", "DeleteItem"}, {"ConditionCheck", "ConditionCheckItem"},
	} {
		if len(q.values["TransactItems."+part.parameter+".TableName"]) > 0 {
			names = append(names, part.action)
		}
	}
	return names
}

// s3Action is the action of an operation of S3: most of those on a bucket's
// settings are called otherwise in policies.
func s3Action(operation string) string {
	switch operation {
	case "ListBuckets":
		return "ListAllMyBuckets"
	case "HeadBucket", "ListObjects", "ListObjectsV2":
		return "ListBucket"
	case "ListObjectVersions":
		return "ListBucketVersions"
	case "ListMultipartUploads":
		return "ListBucketMultipartUploads"
	case "ListParts":
		return "ListMultipartUploadParts"
	case "CopyObject", "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload":
		return "PutObject"
	case "DeleteBucketTagging":
		return "PutBucketTagging"
	case "DeletePublicAccessBlock":
		return "PutBucketPublicAccessBlock"
	case "DeleteBucketOwnershipControls":
		return "PutBucketOwnershipControls"
	case "DeleteBucketCors":
		return "PutBucketCORS"
	}
	for _, name := range [...]struct{ from, to string }{
		{"BucketAccelerateConfiguration", "AccelerateConfiguration"}, {"BucketCors", "BucketCORS"},
		{"BucketEncryption", "EncryptionConfiguration"}, {"BucketLifecycleConfiguration", "LifecycleConfiguration"},
		{"BucketLifecycle", "LifecycleConfiguration"}, {"BucketMetricsConfiguration", "MetricsConfiguration"},
		{"BucketNotificationConfiguration", "BucketNotification"}, {"ObjectLockConfiguration", "BucketObjectLockConfiguration"},
		{"PublicAccessBlock", "BucketPublicAccessBlock"}, {"BucketReplication", "ReplicationConfiguration"},
	} {
		for _, verb := range [...]string{"Get", "Put", "Delete"} {
			if operation == verb+name.from {
				// What removes a setting needs the right to set it.
				if verb == "Delete" {
					verb = "Put"
				}
				return verb + name.to
			}
		}
	}
	return operation
}
