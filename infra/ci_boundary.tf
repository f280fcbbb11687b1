# The limit of what any role made here can ever do, whoever attaches what to
# it. A boundary grants nothing; the role still needs a policy of its own.

locals {
  permissions_boundary = local.github ? aws_iam_policy.boundary[0].arn : null
}

resource "aws_iam_policy" "boundary" {
  count = local.github ? 1 : 0

  name        = "${local.global_name}-boundary"
  description = "Limit of every role of ${local.name}"

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        # Whole services, because the limit only has to say where a role may
        # act at all.
        Sid    = "TheServicesInUse"
        Effect = "Allow"
        Action = [
          "application-autoscaling:*", "budgets:*", "cloudwatch:*", "dynamodb:*", "ec2:*", "ecr:*", "ecs:*",
          "elasticloadbalancing:*", "iam:*", "kms:*", "lambda:*", "logs:*", "redshift:*", "s3:*",
          "secretsmanager:*", "sns:*", "sqs:*", "ssm:*", "sts:*", "xray:*",
        ]
        Resource = "*"
      },
      {
        Sid       = "OneRegion"
        Effect    = "Deny"
        NotAction = ["budgets:ModifyBudget", "budgets:ViewBudget", "iam:GetRole", "iam:PassRole", "sts:GetCallerIdentity"]
        Resource  = "*"
        Condition = {
          StringNotEquals = { "aws:RequestedRegion" = [var.region, "us-east-1"] } # IAM answers from us-east-1
        }
      },
      {
        Sid    = "NoUsersAndNoKeys"
        Effect = "Deny"
        Action = [
          "iam:AttachUserPolicy", "iam:CreateAccessKey", "iam:CreateLoginProfile", "iam:CreateUser",
          "iam:DeleteRolePermissionsBoundary", "iam:PutUserPolicy", "iam:UpdateLoginProfile",
        ]
        Resource = "*"
      },
      {
        Sid      = "NoChangeOfTheLimit"
        Effect   = "Deny"
        Action   = ["iam:CreatePolicyVersion", "iam:DeletePolicy", "iam:DeletePolicyVersion", "iam:SetDefaultPolicyVersion"]
        Resource = "arn:${local.partition}:iam::${local.account_id}:policy/${local.global_name}-boundary"
      },
    ]
  })
}
