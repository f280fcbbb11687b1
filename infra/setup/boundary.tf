# The limit of what any role made here can ever do, whoever attaches what to
# it. A boundary grants nothing; the role still needs a policy of its own.
#
# CI cannot change its own limit: every role, CI's too, has this boundary, and
# the boundary denies any change of itself, of CI's roles and of their policies.
# An administrator applies such a change.

locals {
  boundary_name = "${local.global_name}-boundary"
  boundary_arn  = "${local.iam_arn}:policy/${local.boundary_name}"

  # The roles that a service takes. CI's own are not among them.
  service_roles = [for role in ["execution", "processor", "task", "warehouse"] : "${local.iam_arn}:role/${local.global_name}-${role}"]

  # A role is made, and what it may do is changed, only with the boundary on it.
  limited_role_actions = [
    "iam:AttachRolePolicy", "iam:CreateRole", "iam:DeleteRolePolicy", "iam:DetachRolePolicy",
    "iam:PutRolePermissionsBoundary", "iam:PutRolePolicy",
  ]
  # IAM does not know the condition for these. They act on our own roles, which
  # all have the boundary.
  own_role_actions = [
    "iam:DeleteRole", "iam:TagRole", "iam:UntagRole", "iam:UpdateAssumeRolePolicy", "iam:UpdateRole",
  ]
  has_boundary = { StringEquals = { "iam:PermissionsBoundary" = local.boundary_arn } }
}

resource "aws_iam_policy" "boundary" {
  name        = local.boundary_name
  description = "Limit of every role of ${local.name}"

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        # Whole services, because the limit only has to say where a role may
        # act at all. Of IAM it names what reads; of STS nothing, so that no
        # role leads to another one.
        Sid    = "TheServicesInUse"
        Effect = "Allow"
        Action = [
          "acm:DescribeCertificate", "application-autoscaling:*", "budgets:ListTagsForResource", "budgets:ModifyBudget", "budgets:TagResource",
          "budgets:UntagResource", "budgets:ViewBudget", "cloudwatch:*", "dynamodb:*", "ec2:*", "ecr:*", "ecs:*",
          "elasticloadbalancing:*", "iam:GetOpenIDConnectProvider", "iam:GetPolicy", "iam:GetPolicyVersion",
          "iam:GetRole", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies", "iam:ListInstanceProfilesForRole",
          "iam:ListPolicyVersions", "iam:ListRolePolicies", "iam:ListRoles", "iam:SimulatePrincipalPolicy", "kms:*", "lambda:*",
          "logs:*", "redshift:*", "route53:AssociateVPCWithHostedZone", "s3:*", "secretsmanager:*", "servicequotas:GetAWSDefaultServiceQuota",
          "servicequotas:GetServiceQuota", "sns:*", "sqs:*",
          "ssm:DeleteParameter", "ssm:GetParameter", "ssm:GetParameterHistory", "ssm:GetParameters",
          "ssm:PutParameter", "xray:PutTelemetryRecords", "xray:PutTraceSegments",
        ]
        Resource = "*"
      },
      {
        Sid       = "RolesWithTheLimit"
        Effect    = "Allow"
        Action    = local.limited_role_actions
        Resource  = local.service_roles
        Condition = local.has_boundary
      },
      {
        Sid      = "OwnRoles"
        Effect   = "Allow"
        Action   = local.own_role_actions
        Resource = local.service_roles
      },
      {
        Sid       = "PassOwnRoles"
        Effect    = "Allow"
        Action    = ["iam:PassRole"]
        Resource  = local.service_roles
        Condition = { StringEquals = { "iam:PassedToService" = ["ecs-tasks.amazonaws.com", "lambda.amazonaws.com", "redshift.amazonaws.com"] } }
      },
      {
        # Only what is global is answered from another region.
        Sid       = "OneRegion"
        Effect    = "Deny"
        NotAction = ["budgets:*", "iam:*", "route53:AssociateVPCWithHostedZone"]
        Resource  = "*"
        Condition = { StringNotEquals = { "aws:RequestedRegion" = var.aws_region } }
      },
      {
        # Code that others made runs under roles without this limit.
        Sid    = "NoCodeOfOthers"
        Effect = "Deny"
        Action = [
          "ecs:RunTask", "ecs:StartTask", "ecs:UpdateService", "lambda:AddPermission", "lambda:InvokeFunction",
          "lambda:UpdateFunctionCode", "lambda:UpdateFunctionConfiguration",
        ]
        NotResource = concat(local.named.function, [local.named.service, local.task_definition])
      },
      {
        Sid      = "NoMachines"
        Effect   = "Deny"
        Action   = ["ec2:*IamInstanceProfile*", "ec2:*LaunchTemplate*", "ec2:ModifyInstance*", "ec2:RequestSpot*", "ec2:RunInstances", "ec2:StartInstances", "ecs:ExecuteCommand"]
        Resource = "*"
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
        Sid    = "NoChangeOfTheLimit"
        Effect = "Deny"
        Action = [
          "iam:Add*", "iam:Attach*", "iam:Create*", "iam:Delete*", "iam:Detach*", "iam:PassRole", "iam:Put*", "iam:Remove*",
          "iam:Set*", "iam:Tag*", "iam:Untag*", "iam:Update*",
        ]
        Resource = [
          local.boundary_arn, local.named.oidc, "${local.iam_arn}:policy/${local.global_name}-ci-*",
          "${local.iam_arn}:role/${local.global_name}-ci-*",
        ]
      },
    ]
  })
}
