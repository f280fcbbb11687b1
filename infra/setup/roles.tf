# What GitHub Actions may do, where github_repository names a repository: three
# roles that a workflow of that repository, and no other, takes without any
# stored key. Every role is for jobs that run in a GitHub environment: that of
# this name, which can ask for reviewers, or for planning also NAME-plan, which a
# nightly run enters without any. A pull request as such takes no role.

locals {
  github = var.github_repository != ""

  github_host = "token.actions.githubusercontent.com"

  # How GitHub names the repository in a token's subject: by name, and for one
  # made, renamed or transferred since 2026-07-15 with ids (GitHub documentation,
  # "OpenID Connect"; aws-actions/configure-aws-credentials#1888).
  github_names = concat(
    [var.github_repository],
    var.github_owner_id == "" ? [] : [
      format("%s@%s/%s@%s", split("/", "${var.github_repository}/")[0], var.github_owner_id, split("/", "${var.github_repository}/")[1], var.github_repository_id),
    ],
  )

  # Whole subjects, without patterns.
  ci_environments = {
    plan   = [var.environment, "${var.environment}-plan"]
    apply  = [var.environment]
    deploy = [var.environment]
  }
  ci_subjects = {
    for role, environments in local.ci_environments : role => flatten([
      for environment in environments : [for name in local.github_names : "repo:${name}:environment:${environment}"]
    ])
  }

  # Only apply writes the state.
  ci_policies = {
    plan   = ["read", "look", "ready"]
    apply  = ["read", "look", "state", "network", "services", "storage", "roles", "records", "deploy", "smoke"]
    deploy = ["records", "deploy", "smoke", "ready"]
  }
}

resource "aws_iam_role" "ci" {
  for_each = { for name, subjects in local.ci_subjects : name => subjects if local.github }

  name                 = "${local.global_name}-ci-${each.key}"
  description          = "GitHub Actions of ${var.github_repository}: ${each.key}"
  max_session_duration = 60 * 60
  permissions_boundary = aws_iam_policy.boundary.arn

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRoleWithWebIdentity"
      Principal = { Federated = local.named.oidc }
      Condition = {
        StringEquals = {
          "${local.github_host}:aud" = "sts.amazonaws.com"
          "${local.github_host}:sub" = each.value
        }
      }
    }]
  })
}

resource "aws_iam_policy" "ci" {
  for_each = { for name, statements in local.ci_statements : name => statements if local.github }

  name        = "${local.global_name}-ci-${each.key}"
  description = "GitHub Actions: ${each.key}"

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      for sid, statement in each.value : merge({
        Sid      = sid
        Effect   = "Allow"
        Action   = statement.actions
        Resource = statement.resources
      }, statement.condition == null ? {} : { Condition = statement.condition })
    ]
  })
}

resource "aws_iam_role_policy_attachment" "ci" {
  for_each = merge([
    for role, policies in local.ci_policies : {
      for policy in policies : "${role}-${policy}" => { role = role, policy = policy } if local.github
    }
  ]...)

  role       = aws_iam_role.ci[each.value.role].name
  policy_arn = aws_iam_policy.ci[each.value.policy].arn
}
