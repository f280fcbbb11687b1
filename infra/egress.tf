# How tasks without a public address reach AWS. S3 and DynamoDB have gateway
# endpoints, which are free, in both modes. For the rest:
#
#   endpoints  an interface endpoint for each service: nothing leaves AWS, and
#              no rule has to name the whole internet. Priced by endpoint and zone.
#   nat        a NAT gateway: cheaper with one for all zones, and the only way
#              to hosts outside AWS.

locals {
  # What starting and running a task calls: pull the image, write the log, and
  # read its secrets.
  endpoint_services = var.egress_mode != "endpoints" ? [] : concat(
    ["ecr.api", "ecr.dkr", "logs"],
    length(local.task_secrets) == 0 ? [] : ["ssm"],
  )

  # One for all zones outside production: a zone's failure then takes the way
  # out of the others with it.
  nat_count = var.egress_mode != "nat" ? 0 : local.production ? length(local.zones) : 1
}

resource "aws_vpc_endpoint" "gateway" {
  for_each = toset(["s3", "dynamodb"])

  vpc_id            = aws_vpc.main.id
  service_name      = "com.amazonaws.${var.aws_region}.${each.key}"
  vpc_endpoint_type = "Gateway"
  route_table_ids   = aws_route_table.private[*].id

  tags = { Name = "${local.name}-${each.key}" }
}

resource "aws_vpc_endpoint" "interface" {
  for_each = toset(local.endpoint_services)

  vpc_id              = aws_vpc.main.id
  service_name        = "com.amazonaws.${var.aws_region}.${each.key}"
  vpc_endpoint_type   = "Interface"
  private_dns_enabled = true
  subnet_ids          = aws_subnet.private[*].id
  security_group_ids  = [aws_security_group.endpoints.id]

  tags = { Name = "${local.name}-${each.key}" }
}

resource "aws_eip" "nat" {
  count = local.nat_count

  domain = "vpc"

  tags = { Name = "${local.name}-nat-${count.index}" }

  depends_on = [aws_internet_gateway.main]
}

resource "aws_nat_gateway" "main" {
  count = local.nat_count

  allocation_id = aws_eip.nat[count.index].id
  subnet_id     = aws_subnet.public[count.index].id

  tags = { Name = "${local.name}-${count.index}" }

  depends_on = [aws_route.internet]
}

resource "aws_route" "nat" {
  count = local.nat_count == 0 ? 0 : length(aws_route_table.private)

  route_table_id         = aws_route_table.private[count.index].id
  destination_cidr_block = "0.0.0.0/0"
  nat_gateway_id         = aws_nat_gateway.main[min(count.index, local.nat_count - 1)].id
}
