# One key for everything at rest. AWS's own keys would do for most of it, but
# CloudWatch cannot publish alarms to a topic under one, and a key of our own
# can be revoked, audited and shared with nobody. It costs one dollar a month.

locals {
  # Services that use the key on their own behalf, not on that of a role, and
  # what keeps them from using it on behalf of another account.
  key_services = {
    Logs = {
      service = "logs.${var.aws_region}.amazonaws.com"
      test    = "ArnLike"
      key     = "kms:EncryptionContext:aws:logs:arn"
      value   = "arn:${local.partition}:logs:${local.account_scope}:log-group:*"
    }
    Alarms = {
      service = "cloudwatch.amazonaws.com"
      test    = "StringEquals"
      key     = "aws:SourceAccount"
      value   = local.account_id
    }
    Budgets = {
      service = "budgets.amazonaws.com"
      test    = "StringEquals"
      key     = "aws:SourceAccount"
      value   = local.account_id
    }
  }
}

resource "aws_kms_key" "main" {
  description             = "Data, logs, images and messages of ${local.name}"
  enable_key_rotation     = true
  deletion_window_in_days = local.production ? 30 : 7

  # In a key's policy the resource "*" is this key.
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{
        # Hands the decision to IAM: without it nobody could ever change the
        # key again. The actions are those that administer and use a key.
        Sid       = "AccountDecidesByIAM"
        Effect    = "Allow"
        Principal = { AWS = local.account_root }
        Resource  = "*"
        Action = [
          "kms:CancelKeyDeletion", "kms:CreateAlias", "kms:CreateGrant", "kms:Decrypt",
          "kms:DeleteAlias", "kms:DescribeKey", "kms:DisableKey", "kms:DisableKeyRotation",
          "kms:EnableKey", "kms:EnableKeyRotation", "kms:Encrypt", "kms:GenerateDataKey",
          "kms:GenerateDataKeyWithoutPlaintext", "kms:GetKeyPolicy", "kms:GetKeyRotationStatus",
          "kms:ListGrants", "kms:ListKeyPolicies", "kms:ListResourceTags", "kms:PutKeyPolicy",
          "kms:ReEncryptFrom", "kms:ReEncryptTo", "kms:RevokeGrant", "kms:ScheduleKeyDeletion",
          "kms:TagResource", "kms:UntagResource", "kms:UpdateAlias", "kms:UpdateKeyDescription",
        ]
      }],
      [for name, use in local.key_services : {
        Sid       = "${name}OfThisAccount"
        Effect    = "Allow"
        Principal = { Service = use.service }
        Resource  = "*"
        Action    = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey"]
        Condition = { (use.test) = { (use.key) = use.value } }
      }],
    )
  })
}

resource "aws_kms_alias" "main" {
  name          = "alias/${local.name}"
  target_key_id = aws_kms_key.main.key_id
}
