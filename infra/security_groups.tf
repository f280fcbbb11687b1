# Rules name groups and prefix lists, not addresses, wherever the other side
# has one. Tags on the rules come from the provider's defaults.

resource "aws_security_group" "alb" {
  name        = "${local.name}-alb"
  description = "Load balancer of the API: open to its users, reaches only the tasks"
  vpc_id      = aws_vpc.main.id

  tags = { Name = "${local.name}-alb" }
}

resource "aws_vpc_security_group_ingress_rule" "alb_http" {
  security_group_id = aws_security_group.alb.id
  description       = local.https ? "HTTP from anywhere, answered with a redirect to HTTPS" : "HTTP from anywhere"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 80
  to_port           = 80
}

resource "aws_vpc_security_group_ingress_rule" "alb_https" {
  count = local.https ? 1 : 0

  security_group_id = aws_security_group.alb.id
  description       = "HTTPS from anywhere"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_vpc_security_group_egress_rule" "alb_to_api" {
  security_group_id            = aws_security_group.alb.id
  description                  = "Requests and health checks to the API tasks"
  referenced_security_group_id = aws_security_group.api.id
  ip_protocol                  = "tcp"
  from_port                    = local.api_port
  to_port                      = local.api_port
}

resource "aws_security_group" "api" {
  name        = "${local.name}-api"
  description = "API tasks: reachable from the load balancer only"
  vpc_id      = aws_vpc.main.id

  tags = { Name = "${local.name}-api" }
}

resource "aws_vpc_security_group_ingress_rule" "api_from_alb" {
  security_group_id            = aws_security_group.api.id
  description                  = "Requests and health checks from the load balancer"
  referenced_security_group_id = aws_security_group.alb.id
  ip_protocol                  = "tcp"
  from_port                    = local.api_port
  to_port                      = local.api_port
}

resource "aws_vpc_security_group_egress_rule" "api_to_endpoints" {
  count = var.egress_mode == "endpoints" ? 1 : 0

  security_group_id            = aws_security_group.api.id
  description                  = "AWS APIs through the interface endpoints"
  referenced_security_group_id = aws_security_group.endpoints.id
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443
}

# An emulated AWS has no prefix lists.
resource "aws_vpc_security_group_egress_rule" "api_to_gateways" {
  for_each = var.egress_mode == "endpoints" && !var.emulated ? aws_vpc_endpoint.gateway : {}

  security_group_id = aws_security_group.api.id
  description       = "${each.key} through its gateway endpoint"
  prefix_list_id    = each.value.prefix_list_id
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

# Through a NAT gateway ECR, CloudWatch Logs and SSM have no fixed addresses
# to name here.
resource "aws_vpc_security_group_egress_rule" "api_https" {
  count = var.egress_mode == "nat" ? 1 : 0

  security_group_id = aws_security_group.api.id
  description       = "AWS APIs and image pulls through the NAT gateway"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_vpc_security_group_egress_rule" "api_to_warehouse" {
  for_each = var.warehouse_cidrs

  security_group_id = aws_security_group.api.id
  description       = "PostgreSQL warehouse"
  cidr_ipv4         = each.value
  ip_protocol       = "tcp"
  from_port         = 5432
  to_port           = 5432
}

resource "aws_security_group" "endpoints" {
  name        = "${local.name}-endpoints"
  description = "Interface endpoints of AWS services: reachable from the API tasks only"
  vpc_id      = aws_vpc.main.id

  tags = { Name = "${local.name}-endpoints" }
}

resource "aws_vpc_security_group_ingress_rule" "endpoints_from_api" {
  security_group_id            = aws_security_group.endpoints.id
  description                  = "AWS API calls of the tasks"
  referenced_security_group_id = aws_security_group.api.id
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443
}
