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
		regex.match(`^repo:[^/*:]+/[^/*:]+:[^*]+$`, subject)
	}
}

deny contains finding("iam-no-users", r) if {
	some type in ["aws_iam_user", "aws_iam_access_key"]
	some r in of(type)
}
