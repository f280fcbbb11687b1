package sensor

deny contains finding("vpc-flow-logs", r) if {
	some r in of("aws_vpc")
	count(of("aws_flow_log")) == 0
}

deny contains finding("vpc-default-group-closed", r) if {
	some r in of("aws_vpc")
	closed := [g |
		some g in of("aws_default_security_group")
		no_rules(object.get(g.values, "ingress", null))
		no_rules(object.get(g.values, "egress", null))
	]
	count(closed) == 0
}

no_rules(null)

no_rules([])

no_rules("(known after apply)")

deny contains finding("subnet-no-public-address", r) if {
	some r in of("aws_subnet")
	r.values.map_public_ip_on_launch == true
}

rule_types := {"aws_vpc_security_group_ingress_rule", "aws_vpc_security_group_egress_rule", "aws_security_group"}

deny contains finding("group-described", r) if {
	some type in rule_types
	some r in of(type)
	not described(object.get(r.values, "description", null))
}

described(text) if {
	given(text)
	text != "Managed by Terraform"
}

world := {"0.0.0.0/0", "::/0"}

open(r) if r.values.cidr_ipv4 in world

open(r) if r.values.cidr_ipv6 in world

deny contains finding("ingress-open", r) if {
	some r in of("aws_vpc_security_group_ingress_rule")
	open(r)
	not only_https(r)
}

only_https(r) if {
	r.values.from_port == 443
	r.values.to_port == 443
}

deny contains finding("egress-open", r) if {
	some r in of("aws_vpc_security_group_egress_rule")
	open(r)
}

balancers := of("aws_lb")

deny contains finding("alb-access-logs", r) if {
	some r in balancers
	not r.values.access_logs[0].enabled == true
}

deny contains finding("alb-invalid-headers", r) if {
	some r in balancers
	not r.values.drop_invalid_header_fields == true
}

deny contains finding("alb-deletion-protection", r) if {
	some r in balancers
	not r.values.enable_deletion_protection == true
}

deny contains finding("alb-desync", r) if {
	some r in balancers
	not r.values.desync_mitigation_mode in ["defensive", "strictest"]
}

deny contains finding("alb-public", r) if {
	some r in balancers
	not r.values.internal == true
}

deny contains finding("alb-firewall", r) if {
	some r in balancers
	not r.values.internal == true
	count(of("aws_wafv2_web_acl_association")) == 0
}

deny contains finding("alb-https", r) if {
	some r in of("aws_lb_listener")
	r.values.protocol == "HTTP"
	not redirects(r)
}

redirects(r) if r.values.default_action[0].redirect[0].protocol == "HTTPS"

deny contains finding("alb-tls-policy", r) if {
	some r in of("aws_lb_listener")
	r.values.protocol == "HTTPS"
	not r.values.ssl_policy in [
		"ELBSecurityPolicy-TLS13-1-2-2021-06", "ELBSecurityPolicy-TLS13-1-2-Res-2021-06", "ELBSecurityPolicy-TLS13-1-3-2021-06",
	]
}

deny contains finding("target-health-check", r) if {
	some r in of("aws_lb_target_group")
	not checked(r)
}

checked(r) if given(r.values.health_check[0].path)

# The smallest subnet that a load balancer takes.
deny contains finding("subnet-size", r) if {
	some r in of("aws_subnet")
	to_number(split(r.values.cidr_block, "/")[1]) > 27
}

delivered := {statement.Sid |
	some d in documents
	d.resource.type == "aws_s3_bucket_policy"
	some statement in d.statements
	statement.Effect == "Allow"
	"delivery.logs.amazonaws.com" in list(statement.Principal.Service)
}

# AWS adds these two statements to a bucket's policy that has no others by these names,
# and the next plan would take them away.
deny contains finding("flow-log-delivery", r) if {
	some r in of("aws_flow_log")
	r.values.log_destination_type == "s3"
	hidden := [p | some p in of("aws_s3_bucket_policy"); p.values.policy == "(known after apply)"]
	count(hidden) == 0
	count({"AWSLogDeliveryWrite", "AWSLogDeliveryAclCheck"} - delivered) > 0
}
