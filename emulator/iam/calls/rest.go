package calls

import (
	"net/http"
	"net/url"
	"strings"

	"sensor-backend/emulator/awsapi"
)

// openLambda reads an operation of Lambda out of method and path.
func (q *request) openLambda(body Body) error {
	parts := strings.Split(strings.Trim(q.http.URL.EscapedPath(), "/"), "/")
	for i, part := range parts {
		decoded, err := url.PathUnescape(part)
		if err != nil {
			return awsapi.Errorf("InvalidParameterValueException", "reading the path: %v", err)
		}
		parts[i] = decoded
	}
	if len(parts) < 2 {
		return nil
	}
	q.set("Qualifier", q.http.URL.Query().Get("Qualifier"))
	// The first part is a date.
	switch kind, rest := parts[1], parts[2:]; kind {
	case "functions":
		q.openFunction(rest)
	case "tags":
		if len(rest) == 1 {
			q.set("Resource", rest[0])
			q.set("tagKeys", q.http.URL.Query()["tagKeys"]...)
			q.operation = map[string]string{http.MethodGet: "ListTags", http.MethodPost: "TagResource", http.MethodDelete: "UntagResource"}[q.http.Method]
		}
	case "account-settings":
		q.operation = "GetAccountSettings"
	}
	switch q.operation {
	case "CreateFunction", "UpdateFunctionConfiguration", "TagResource", "AddPermission":
		return q.readJSON(body)
	}
	return nil
}

// openFunction reads what follows /functions: a name, and what of it.
func (q *request) openFunction(parts []string) {
	what := ""
	if len(parts) > 0 {
		q.set("FunctionName", parts[0])
		what = "/F"
	}
	if len(parts) > 1 {
		what += "/" + parts[1]
	}
	if len(parts) > 2 {
		what += "/X"
	}
	q.operation = map[string]string{
		"POST ":                             "CreateFunction",
		"GET ":                              "ListFunctions",
		"GET /F":                            "GetFunction",
		"DELETE /F":                         "DeleteFunction",
		"PUT /F/code":                       "UpdateFunctionCode",
		"GET /F/configuration":              "GetFunctionConfiguration",
		"PUT /F/configuration":              "UpdateFunctionConfiguration",
		"POST /F/versions":                  "PublishVersion",
		"GET /F/versions":                   "ListVersionsByFunction",
		"POST /F/aliases":                   "CreateAlias",
		"GET /F/aliases":                    "ListAliases",
		"GET /F/aliases/X":                  "GetAlias",
		"PUT /F/aliases/X":                  "UpdateAlias",
		"DELETE /F/aliases/X":               "DeleteAlias",
		"GET /F/policy":                     "GetPolicy",
		"POST /F/policy":                    "AddPermission",
		"DELETE /F/policy/X":                "RemovePermission",
		"POST /F/invocations":               "InvokeFunction",
		"PUT /F/concurrency":                "PutFunctionConcurrency",
		"DELETE /F/concurrency":             "DeleteFunctionConcurrency",
		"GET /F/concurrency":                "GetFunctionConcurrency",
		"PUT /F/event-invoke-config":        "PutFunctionEventInvokeConfig",
		"POST /F/event-invoke-config":       "UpdateFunctionEventInvokeConfig",
		"GET /F/event-invoke-config":        "GetFunctionEventInvokeConfig",
		"DELETE /F/event-invoke-config":     "DeleteFunctionEventInvokeConfig",
		"GET /F/event-invoke-config/X":      "ListFunctionEventInvokeConfigs",
		"GET /F/provisioned-concurrency":    "GetProvisionedConcurrencyConfig",
		"PUT /F/provisioned-concurrency":    "PutProvisionedConcurrencyConfig",
		"DELETE /F/provisioned-concurrency": "DeleteProvisionedConcurrencyConfig",
		"GET /F/code-signing-config":        "GetFunctionCodeSigningConfig",
		"PUT /F/code-signing-config":        "PutFunctionCodeSigningConfig",
		"GET /F/runtime-management-config":  "GetRuntimeManagementConfig",
		"GET /F/recursion-config":           "GetFunctionRecursionConfig",
	}[q.http.Method+" "+what]
}

// openS3 reads an operation of S3, with the bucket in the path or the host.
func (q *request) openS3(body Body) error {
	path := strings.TrimPrefix(q.http.URL.EscapedPath(), "/")
	if rest, found := strings.CutPrefix(path, "v20180820/tags/"); found {
		return q.openS3Tags(rest)
	}
	bucket, key, _ := strings.Cut(path, "/")
	if label, _, found := strings.Cut(q.http.Host, ".s3."); found {
		bucket, key = label, path
	}
	var err error
	if bucket, err = url.PathUnescape(bucket); err == nil {
		key, err = url.PathUnescape(key)
	}
	if err != nil {
		return awsapi.Errorf("InvalidURI", "reading the path: %v", err)
	}
	q.set("Bucket", bucket)
	q.set("Key", key)
	query := q.http.URL.Query()
	q.set("VersionId", query.Get("versionId"))
	switch {
	case bucket == "":
		q.operation = "ListBuckets"
	case key == "":
		q.operation = bucketOperation(q.http.Method, query)
	default:
		q.operation = objectOperation(q.http, query)
	}
	switch q.operation {
	case "DeleteObjects", "CreateBucket", "PutBucketTagging":
		return q.readXML(body)
	}
	return nil
}

func (q *request) openS3Tags(escaped string) error {
	arn, err := url.PathUnescape(escaped)
	if err != nil {
		return awsapi.Errorf("InvalidURI", "reading the path: %v", err)
	}
	q.set("ResourceArn", arn)
	q.operation = map[string]string{http.MethodGet: "ListTagsForResource", http.MethodPost: "TagResource", http.MethodDelete: "UntagResource"}[q.http.Method]
	return nil
}

// bucketOperation names an operation on a bucket.
func bucketOperation(method string, query url.Values) string {
	for parameter, name := range map[string]string{
		"accelerate": "BucketAccelerateConfiguration", "acl": "BucketAcl", "cors": "BucketCors",
		"encryption": "BucketEncryption", "lifecycle": "BucketLifecycleConfiguration", "logging": "BucketLogging",
		"metrics": "BucketMetricsConfiguration", "notification": "BucketNotificationConfiguration",
		"object-lock": "ObjectLockConfiguration", "ownershipControls": "BucketOwnershipControls", "policy": "BucketPolicy",
		"policyStatus": "BucketPolicyStatus", "publicAccessBlock": "PublicAccessBlock", "replication": "BucketReplication",
		"requestPayment": "BucketRequestPayment", "tagging": "BucketTagging", "versioning": "BucketVersioning", "website": "BucketWebsite",
	} {
		if query.Has(parameter) {
			return map[string]string{http.MethodGet: "Get", http.MethodPut: "Put", http.MethodDelete: "Delete"}[method] + name
		}
	}
	switch {
	case method == http.MethodPost && query.Has("delete"):
		return "DeleteObjects"
	case method == http.MethodPut:
		return "CreateBucket"
	case method == http.MethodDelete:
		return "DeleteBucket"
	case method == http.MethodHead:
		return "HeadBucket"
	case method != http.MethodGet:
		return ""
	case query.Has("location"):
		return "GetBucketLocation"
	case query.Has("versions"):
		return "ListObjectVersions"
	case query.Has("uploads"):
		return "ListMultipartUploads"
	case query.Has("list-type"):
		return "ListObjectsV2"
	}
	return "ListObjects"
}

// objectOperation names an operation on an object.
func objectOperation(r *http.Request, query url.Values) string {
	part := query.Has("uploadId")
	switch {
	case query.Has("tagging"):
		return map[string]string{http.MethodGet: "GetObjectTagging", http.MethodPut: "PutObjectTagging", http.MethodDelete: "DeleteObjectTagging"}[r.Method]
	case query.Has("acl"):
		return map[string]string{http.MethodGet: "GetObjectAcl", http.MethodPut: "PutObjectAcl"}[r.Method]
	case query.Has("attributes"):
		return "GetObjectAttributes"
	case r.Method == http.MethodPost && query.Has("uploads"):
		return "CreateMultipartUpload"
	case r.Method == http.MethodPost && part:
		return "CompleteMultipartUpload"
	case r.Method == http.MethodDelete && part:
		return "AbortMultipartUpload"
	case r.Method == http.MethodGet && part:
		return "ListParts"
	case r.Method == http.MethodPut && part:
		return "UploadPart"
	case r.Method == http.MethodPut && r.Header.Get("X-Amz-Copy-Source") != "":
		return "CopyObject"
	}
	return map[string]string{
		http.MethodGet: "GetObject", http.MethodHead: "HeadObject", http.MethodPut: "PutObject", http.MethodDelete: "DeleteObject",
	}[r.Method]
}
