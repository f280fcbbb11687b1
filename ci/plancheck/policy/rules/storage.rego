package sensor

buckets := of("aws_s3_bucket")

# Settings of a bucket are resources of their own; they name it.
with_bucket(type, bucket) := [r | some r in of(type); r.values.bucket == bucket.values.bucket]

deny contains finding("s3-private", b) if {
	some b in buckets
	blocks := [r |
		some r in with_bucket("aws_s3_bucket_public_access_block", b)
		r.values.block_public_acls == true
		r.values.block_public_policy == true
		r.values.ignore_public_acls == true
		r.values.restrict_public_buckets == true
	]
	count(blocks) == 0
}

deny contains finding("s3-versioning", b) if {
	some b in buckets
	enabled := [r |
		some r in with_bucket("aws_s3_bucket_versioning", b)
		r.values.versioning_configuration[0].status == "Enabled"
	]
	count(enabled) == 0
}

deny contains finding("s3-own-key", b) if {
	some b in buckets
	keyed := [r |
		some r in with_bucket("aws_s3_bucket_server_side_encryption_configuration", b)
		chosen := r.values.rule[_].apply_server_side_encryption_by_default[0]
		chosen.sse_algorithm == "aws:kms"
		given(chosen.kms_master_key_id)
	]
	count(keyed) == 0
}

deny contains finding("s3-access-logs", b) if {
	some b in buckets
	count(with_bucket("aws_s3_bucket_logging", b)) == 0
}

deny contains finding("s3-tls-only", b) if {
	some b in buckets
	denials := [r |
		some r in with_bucket("aws_s3_bucket_policy", b)
		denies_plain_http(r)
	]
	count(denials) == 0
}

denies_plain_http(r) if r.values.policy == "(known after apply)"

denies_plain_http(r) if {
	some statement in list(json.unmarshal(r.values.policy).Statement)
	statement.Effect == "Deny"
	statement.Condition.Bool["aws:SecureTransport"] == "false"
}

deny contains finding("s3-aborted-uploads", b) if {
	some b in buckets
	rules := [rule |
		some r in with_bucket("aws_s3_bucket_lifecycle_configuration", b)
		some rule in r.values.rule
		rule.status == "Enabled"
		count(rule.abort_incomplete_multipart_upload) > 0
	]
	count(rules) == 0
}

deny contains finding("s3-ageing", b) if {
	some b in buckets
	rules := [rule |
		some r in with_bucket("aws_s3_bucket_lifecycle_configuration", b)
		some rule in r.values.rule
		rule.status == "Enabled"
		count(array.concat(object.get(rule, "transition", []), object.get(rule, "expiration", []))) > 0
	]
	count(rules) == 0
}

deny contains finding("s3-no-acl", b) if {
	some b in buckets
	owned := [r |
		some r in with_bucket("aws_s3_bucket_ownership_controls", b)
		r.values.rule[0].object_ownership == "BucketOwnerEnforced"
	]
	count(owned) == 0
}

deny contains finding("s3-replication", b) if {
	some b in buckets
	count(with_bucket("aws_s3_bucket_replication_configuration", b)) == 0
}

deny contains finding("s3-events", b) if {
	some b in buckets
	count(with_bucket("aws_s3_bucket_notification", b)) == 0
}

deny contains finding("table-recovery", r) if {
	some r in of("aws_dynamodb_table")
	not r.values.point_in_time_recovery[0].enabled == true
}

deny contains finding("table-own-key", r) if {
	some r in of("aws_dynamodb_table")
	not table_keyed(r)
}

table_keyed(r) if {
	r.values.server_side_encryption[0].enabled == true
	given(r.values.server_side_encryption[0].kms_key_arn)
}

deny contains finding("ecr-immutable", r) if {
	some r in of("aws_ecr_repository")
	not immutable(r)
}

immutable(r) if r.values.image_tag_mutability == "IMMUTABLE"

immutable(r) if {
	r.values.image_tag_mutability == "IMMUTABLE_WITH_EXCLUSION"
	filters := {f.filter | some f in r.values.image_tag_mutability_exclusion_filter}
	filters - {"latest", "running"} == set()
}

deny contains finding("ecr-scan", r) if {
	some r in of("aws_ecr_repository")
	not r.values.image_scanning_configuration[0].scan_on_push == true
}

deny contains finding("ecr-own-key", r) if {
	some r in of("aws_ecr_repository")
	not repository_keyed(r)
}

repository_keyed(r) if {
	r.values.encryption_configuration[0].encryption_type == "KMS"
	given(r.values.encryption_configuration[0].kms_key)
}

deny contains finding("topic-own-key", r) if {
	some r in of("aws_sns_topic")
	not own_key(object.get(r.values, "kms_master_key_id", null))
}

deny contains finding("queue-own-key", r) if {
	some r in of("aws_sqs_queue")
	not own_key(object.get(r.values, "kms_master_key_id", null))
}

own_key(id) if {
	given(id)
	not startswith(id, "alias/aws/")
}

deny contains finding("key-rotation", r) if {
	some r in of("aws_kms_key")
	not r.values.enable_key_rotation == true
}

deny contains finding("log-own-key", r) if {
	some r in of("aws_cloudwatch_log_group")
	not given(object.get(r.values, "kms_key_id", null))
}

deny contains finding("log-year", r) if {
	some r in of("aws_cloudwatch_log_group")
	r.values.retention_in_days < 365
}

deny contains finding("log-expires", r) if {
	some r in of("aws_cloudwatch_log_group")
	r.values.retention_in_days == 0
}

deny contains finding("alarm-actions", r) if {
	some r in of("aws_cloudwatch_metric_alarm")
	not alarmed(r)
}

alarmed(r) if {
	object.get(r.values, "actions_enabled", true)
	count(list(r.values.alarm_actions)) > 0
	r.values.alarm_actions != null
}

# A target group without targets sends no data at all.
deny contains finding("alarm-outage", r) if {
	some r in of("aws_lb_target_group")
	rings := [a |
		some a in of("aws_cloudwatch_metric_alarm")
		a.values.metric_name == "HealthyHostCount"
		a.values.treat_missing_data == "breaching"
		startswith(a.values.comparison_operator, "LessThan")
	]
	count(rings) == 0
}

# What is throttled is tried again: only what lasts concerns anybody.
deny contains finding("alarm-burst", r) if {
	some r in of("aws_cloudwatch_metric_alarm")
	r.values.metric_name in ["Throttles", "ThrottledRequests"]
	not r.values.evaluation_periods > 1
}

# Dashboards are the account's: two regions would write the same one by turns.
deny contains finding("dashboard-region", r) if {
	some r in of("aws_cloudwatch_dashboard")
	not regex.match(`-[a-z]{2}(-[a-z]+)+-[0-9]$`, r.values.dashboard_name)
}

deny contains finding("ecr-expiry", r) if {
	some r in of("aws_ecr_repository")
	policies := [p | some p in of("aws_ecr_lifecycle_policy"); selects_every_tag(p)]
	count(policies) == 0
}

selects_every_tag(p) if {
	some rule in json.unmarshal(p.values.policy).rules
	"*" in object.get(rule.selection, "tagPatternList", [])
}

selects_every_tag(p) if {
	some rule in json.unmarshal(p.values.policy).rules
	rule.selection.tagStatus == "any"
}
