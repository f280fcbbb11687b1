# Credentials and, for an emulated AWS, the endpoint come from the environment
# (AWS_ACCESS_KEY_ID, AWS_ENDPOINT_URL and the rest).
provider "aws" {
  region            = var.aws_region
  s3_use_path_style = var.emulated

  default_tags {
    tags = {
      Project     = var.project_name
      Environment = var.environment
      ManagedBy   = "terraform"
    }
  }
}

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

locals {
  name       = local.names.environment
  account_id = data.aws_caller_identity.current.account_id
  partition  = data.aws_partition.current.partition

  # Roles, policies and budgets are the account's, not a region's: with the
  # region in their names the same environment fits into a second region.
  global_name = local.names.everywhere

  # The limit that setup-backend made (setup/boundary.tf): no role is made without it.
  permissions_boundary = "arn:${local.partition}:iam::${local.account_id}:policy/${local.global_name}-boundary"

  account_root  = "arn:${local.partition}:iam::${local.account_id}:root"
  account_scope = "${var.aws_region}:${local.account_id}"

  # Data and history in production survive a mistaken destroy; elsewhere a
  # destroy leaves nothing behind.
  production = var.environment == "prod"
  protected  = coalesce(var.deletion_protection, local.production)

  # An emulated load balancer speaks plain HTTP only.
  https   = var.certificate_arn != "" && !var.emulated
  api_url = local.https ? "https://${var.domain_name}" : "http://${aws_lb.api.dns_name}"

  # What makes API and processor send traces.
  tracing = { for endpoint in compact([var.otlp_endpoint]) : "OTEL_EXPORTER_OTLP_ENDPOINT" => endpoint }
}
