package sensor

deny contains finding_in("iam-action-wildcard", d.resource, s) if {
	some d in documents
	some s in d.statements
	s.Effect == "Allow"
	some action in list(s.Action)
	contains(action, "*")
}

deny contains finding_in("iam-everything", d.resource, s) if {
	some d in documents
	d.kind == "identity"
	some s in d.statements
	s.Effect == "Allow"
	"*" in list(s.Resource)
}

deny contains finding_in("iam-all-but", d.resource, s) if {
	some d in documents
	some s in d.statements
	s.Effect == "Allow"
	some key in ["NotAction", "NotResource", "NotPrincipal"]
	s[key]
}

deny contains finding_in("iam-anybody", d.resource, s) if {
	some d in documents
	d.kind != "identity"
	some s in d.statements
	s.Effect == "Allow"
	anybody(s.Principal)
}

anybody("*")

anybody(principal) if "*" in list(principal.AWS)

deny contains finding_in("iam-pass-role", d.resource, s) if {
	some d in documents
	some s in d.statements
	s.Effect == "Allow"
	"iam:PassRole" in list(s.Action)
	not s.Condition.StringEquals["iam:PassedToService"]
}

deny contains finding_in("iam-pass-role", d.resource, s) if {
	some d in documents
	some s in d.statements
	s.Effect == "Allow"
	"iam:PassRole" in list(s.Action)
	some resource in list(s.Resource)
	contains(resource, "*")
}

# A service that acts for anybody must be held to this account.
deny contains finding_in("iam-service-trust", t.resource, t.statement) if {
	some t in trusts
	t.statement.Principal.Service
	not t.statement.Condition.StringEquals["aws:SourceAccount"]
}

deny contains finding_in("iam-trust-anybody", t.resource, t.statement) if {
	some t in trusts
	anybody(t.statement.Principal)
}

deny contains finding_in("iam-github-subject", t.resource, t.statement) if {
	some t in trusts
	contains(t.statement.Principal.Federated, "token.actions.githubusercontent.com")
	not exact_subject(t.statement)
}

exact_subject(statement) if {
	equals := statement.Condition.StringEquals
	equals["token.actions.githubusercontent.com:aud"] == "sts.amazonaws.com"
	subjects := list(equals["token.actions.githubusercontent.com:sub"])
	every subject in subjects {
		regex.match(`^repo:[^/*:]+/[^/*:]+:environment:[^*:]+$`, subject)
	}
}

deny contains finding("iam-no-users", r) if {
	some type in ["aws_iam_user", "aws_iam_access_key"]
	some r in of(type)
}

# What gives a role its rights, and knows the condition iam:PermissionsBoundary.
limited_actions := {
	"iam:AttachRolePolicy", "iam:CreateRole", "iam:DeleteRolePolicy", "iam:DetachRolePolicy",
	"iam:PutRolePermissionsBoundary", "iam:PutRolePolicy",
}

deny contains finding_in("iam-limited-roles", d.resource, s) if {
	some d in documents
	some s in d.statements
	s.Effect == "Allow"
	some action in limited_actions
	covers(s.Action, action)
	not s.Condition.StringEquals["iam:PermissionsBoundary"]
}

# What takes a role's limit away, or changes who may take it or what a policy says.
steps_out_actions := {
	"iam:AddClientIDToOpenIDConnectProvider", "iam:CreatePolicyVersion", "iam:DeleteRolePermissionsBoundary",
	"iam:SetDefaultPolicyVersion", "iam:UpdateAssumeRolePolicy", "sts:AssumeRole",
}

deny contains finding_in("iam-no-way-out", d.resource, s) if {
	some d in documents
	d.kind == "identity"
	some s in d.statements
	s.Effect == "Allow"
	some action in steps_out_actions
	covers(s.Action, action)
	some resource in list(s.Resource)
	contains(resource, "*")
}

deny contains finding("iam-limit-fixed", r) if {
	some r in of("aws_iam_policy")
	endswith(r.values.name, "-boundary")
	not protects_itself(r)
}

protects_itself(r) if {
	some s in json.unmarshal(r.values.policy).Statement
	s.Effect == "Deny"
	not s.Condition
	every action in limited_actions | steps_out_actions {
		action_denied(s, action)
	}
	own := trim_suffix(r.values.name, "boundary")
	some itself in list(s.Resource)
	endswith(itself, concat("", [":policy/", r.values.name]))
	some roles in list(s.Resource)
	endswith(roles, concat("", [":role/", own, "ci-*"]))
	some policies in list(s.Resource)
	endswith(policies, concat("", [":policy/", own, "ci-*"]))
}

# No role reaches another one at all where the boundary allows no sts.
action_denied(_, "sts:AssumeRole")

action_denied(s, action) if covers(s.Action, action)

covers(patterns, action) if {
	some pattern in list(patterns)
	glob.match(lower(pattern), [], lower(action))
}

# The lock table is shared by all environments.
deny contains finding_in("iam-lock-keys", d.resource, s) if {
	some d in documents
	d.kind == "identity"
	some s in d.statements
	s.Effect == "Allow"
	some resource in list(s.Resource)
	endswith(resource, "-tfstate-lock")
	some action in ["dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]
	covers(s.Action, action)
	not s.Condition["ForAllValues:StringEquals"]["dynamodb:LeadingKeys"]
}

# Whoever may write any state may write that of production.
deny contains finding_in("iam-state-object", d.resource, s) if {
	some d in documents
	d.kind == "identity"
	some s in d.statements
	s.Effect == "Allow"
	some action in ["s3:DeleteObject", "s3:DeleteObjectVersion", "s3:PutObject"]
	covers(s.Action, action)
	some resource in list(s.Resource)
	regex.match(`^arn:[^:]+:s3:::[^/]*-tfstate-[^/]*(/\*.*)?$`, resource)
}
