# The warehouse, where enable_redshift asks for one. AWS makes its
# administrator's password, keeps it in Secrets Manager and rotates it; it never
# enters the state. The API logs in as a user of its own, made once by hand.

resource "aws_redshift_subnet_group" "warehouse" {
  count = var.enable_redshift ? 1 : 0

  name        = "${local.name}-warehouse"
  description = "Private subnets of ${local.name}"
  subnet_ids  = aws_subnet.private[*].id
}

resource "aws_redshift_parameter_group" "warehouse" {
  count = var.enable_redshift ? 1 : 0

  name        = "${local.name}-warehouse"
  description = "TLS only, every query logged"
  family      = "redshift-2.0"

  parameter {
    name  = "require_ssl"
    value = "true"
  }

  parameter {
    name  = "enable_user_activity_logging"
    value = "true"
  }
}

resource "aws_redshift_cluster" "warehouse" {
  count = var.enable_redshift ? 1 : 0

  cluster_identifier = "${local.name}-warehouse"
  cluster_type       = var.redshift_nodes > 1 ? "multi-node" : "single-node"
  node_type          = var.redshift_node_type
  number_of_nodes    = var.redshift_nodes
  database_name      = "sensors"
  port               = local.redshift_port

  master_username                   = "warehouse_admin"
  manage_master_password            = true
  master_password_secret_kms_key_id = aws_kms_key.main.arn

  iam_roles = [aws_iam_role.warehouse[0].arn]

  encrypted            = true
  kms_key_id           = aws_kms_key.main.arn
  enhanced_vpc_routing = true
  publicly_accessible  = false

  cluster_subnet_group_name    = aws_redshift_subnet_group.warehouse[0].name
  cluster_parameter_group_name = aws_redshift_parameter_group.warehouse[0].name
  vpc_security_group_ids       = [aws_security_group.warehouse[0].id]

  allow_version_upgrade               = true
  preferred_maintenance_window        = "sun:03:00-sun:04:00"
  automated_snapshot_retention_period = local.production ? 35 : 7
  skip_final_snapshot                 = !local.protected
  final_snapshot_identifier           = local.protected ? "${local.name}-warehouse-final" : null
}

# Redshift takes no rows over its connection: the API puts batches under
# staging/ in the source bucket, and COPY reads them in this role's name.
resource "aws_iam_role" "warehouse" {
  count = var.enable_redshift ? 1 : 0

  name                 = "${local.global_name}-warehouse"
  description          = "Redshift reads the batches the API stages"
  permissions_boundary = local.permissions_boundary

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "redshift.amazonaws.com" }
      # Redshift names cluster and user, this account's, as the external id.
      Condition = {
        StringLike = { "sts:ExternalId" = "arn:${local.partition}:redshift:${local.account_scope}:dbuser:${local.name}-warehouse/*" }
      }
    }]
  })
}

resource "aws_iam_role_policy" "warehouse" {
  count = var.enable_redshift ? 1 : 0

  name = "load"
  role = aws_iam_role.warehouse[0].id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "ReadStaged"
        Effect   = "Allow"
        Action   = ["s3:GetObject"]
        Resource = "${aws_s3_bucket.data["source"].arn}/staging/*"
      },
      {
        Sid       = "FindStaged"
        Effect    = "Allow"
        Action    = ["s3:ListBucket"]
        Resource  = aws_s3_bucket.data["source"].arn
        Condition = { StringLike = { "s3:prefix" = ["staging/*"] } }
      },
      {
        Sid       = "UseKeyForStaged"
        Effect    = "Allow"
        Action    = ["kms:Decrypt"]
        Resource  = aws_kms_key.main.arn
        Condition = { StringEquals = { "kms:ViaService" = "s3.${var.aws_region}.amazonaws.com" } }
      },
    ]
  })
}

resource "aws_redshift_logging" "warehouse" {
  count = var.enable_redshift ? 1 : 0

  cluster_identifier   = aws_redshift_cluster.warehouse[0].id
  log_destination_type = "cloudwatch"
  log_exports          = local.redshift_logs

  # Redshift would make the groups itself, without a key and for ever.
  depends_on = [aws_cloudwatch_log_group.warehouse]
}

resource "aws_cloudwatch_log_group" "warehouse" {
  for_each = toset(var.enable_redshift ? local.redshift_logs : [])

  name              = "/aws/redshift/cluster/${local.name}-warehouse/${each.key}"
  retention_in_days = var.log_retention_days
  kms_key_id        = aws_kms_key.main.arn
}

locals {
  redshift_logs = ["connectionlog", "useractivitylog", "userlog"]
  redshift_port = 5439
}

resource "aws_security_group" "warehouse" {
  count = var.enable_redshift ? 1 : 0

  name        = "${local.name}-warehouse"
  description = "Warehouse: reachable from the API tasks only, reaches nothing but S3"
  vpc_id      = aws_vpc.main.id

  tags = { Name = "${local.name}-warehouse" }
}

resource "aws_vpc_security_group_ingress_rule" "warehouse_from_api" {
  count = var.enable_redshift ? 1 : 0

  security_group_id            = aws_security_group.warehouse[0].id
  description                  = "Queries of the API tasks"
  referenced_security_group_id = aws_security_group.api.id
  ip_protocol                  = "tcp"
  from_port                    = local.redshift_port
  to_port                      = local.redshift_port
}

resource "aws_vpc_security_group_egress_rule" "api_to_redshift" {
  count = var.enable_redshift ? 1 : 0

  security_group_id            = aws_security_group.api.id
  description                  = "Queries to the warehouse"
  referenced_security_group_id = aws_security_group.warehouse[0].id
  ip_protocol                  = "tcp"
  from_port                    = local.redshift_port
  to_port                      = local.redshift_port
}

# With enhanced routing COPY reads S3 from inside the network.
resource "aws_vpc_security_group_egress_rule" "warehouse_to_s3" {
  count = var.enable_redshift && !var.emulated ? 1 : 0

  security_group_id = aws_security_group.warehouse[0].id
  description       = "COPY from S3 through its gateway endpoint"
  prefix_list_id    = aws_vpc_endpoint.gateway["s3"].prefix_list_id
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}
