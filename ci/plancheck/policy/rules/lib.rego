package sensor

# Resources of a type that exist after the apply. Values known only then hold
# the text "(known after apply)", so that they count as given.
of(type) := [r | some r in input.resources; r.type == type]

given(value) if {
	value != null
	value != ""
}

list(value) := value if is_array(value)

list(value) := [value] if not is_array(value)

finding(rule, resource) := {"rule": rule, "resource": resource.address}

# A finding about one statement of a policy document.
finding_in(rule, resource, statement) := {
	"rule": rule,
	"resource": sprintf("%s#%s", [resource.address, object.get(statement, "Sid", "")]),
}

document_kind := {
	"aws_ecr_repository_policy": "resource",
	"aws_iam_policy": "identity",
	"aws_iam_role_policy": "identity",
	"aws_kms_key": "key",
	"aws_s3_bucket_policy": "resource",
	"aws_sns_topic_policy": "resource",
	"aws_sqs_queue_policy": "resource",
}

# Policy documents that are known. On a first plan some are not, because they
# name resources not made yet; the same configuration is checked with made-up
# names by lint.
documents contains {"resource": r, "kind": kind, "statements": list(document.Statement)} if {
	some r in input.resources
	kind := document_kind[r.type]
	document := json.unmarshal(r.values.policy)
}

trusts contains {"resource": r, "statement": statement} if {
	some r in of("aws_iam_role")
	some statement in list(json.unmarshal(r.values.assume_role_policy).Statement)
}

containers contains {"resource": r, "container": container} if {
	some r in of("aws_ecs_task_definition")
	some container in json.unmarshal(r.values.container_definitions)
}
