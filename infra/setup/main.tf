# What an administrator makes once for an environment, before the pipeline works in
# it: the limit of every role, and the roles that the pipeline takes. It is a stack of
# its own because no role can make or change the one it runs under. `dagger call
# setup-backend` applies it.

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
  account_id    = data.aws_caller_identity.current.account_id
  partition     = data.aws_partition.current.partition
  account_scope = "${var.aws_region}:${local.account_id}"
  iam_arn       = "arn:${local.partition}:iam::${local.account_id}"

  # As in the stack beside this one.
  name        = local.names.environment
  global_name = local.names.everywhere
}
