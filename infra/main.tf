# Credentials and, for an emulated AWS, the endpoint come from the environment
# (AWS_ACCESS_KEY_ID, AWS_ENDPOINT_URL and the rest).
provider "aws" {
  region            = var.region
  s3_use_path_style = var.emulated

  default_tags {
    tags = {
      Project     = var.project
      Environment = var.environment
      ManagedBy   = "terraform"
    }
  }
}

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

locals {
  name       = "${var.project}-${var.environment}"
  account_id = data.aws_caller_identity.current.account_id
  partition  = data.aws_partition.current.partition

  # Data and history in production survive a mistaken destroy; elsewhere a
  # destroy leaves nothing behind.
  production = var.environment == "prod"
}
