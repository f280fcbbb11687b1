# Roles: nothing by wildcard, nothing on everything but what AWS cannot restrict, and only for this account.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  environment   = "staging"
  processor_zip = "processor.zip"
}

run "roles_have_no_wildcards" {
  variables {
    warehouse_url_parameter = "/sensor/warehouse-url"
  }

  assert {
    condition = alltrue(flatten([
      for policy in [aws_iam_role_policy.execution, aws_iam_role_policy.task, aws_iam_role_policy.processor] : [
        for statement in jsondecode(policy.policy).Statement : [
          for action in flatten([statement.Action]) : !strcontains(action, "*")
        ]
      ]
    ]))
    error_message = "no role may be granted actions by wildcard"
  }

  assert {
    condition = flatten([
      for policy in [aws_iam_role_policy.execution, aws_iam_role_policy.task, aws_iam_role_policy.processor] : [
        for statement in jsondecode(policy.policy).Statement : statement.Action
        if contains(flatten([statement.Resource]), "*")
      ]
    ]) == ["ecr:GetAuthorizationToken", "xray:PutTelemetryRecords", "xray:PutTraceSegments"]
    error_message = "only the registry's token and traces may be granted on every resource"
  }

  assert {
    condition = alltrue([
      for role in [aws_iam_role.execution, aws_iam_role.task, aws_iam_role.processor] :
      jsondecode(role.assume_role_policy).Statement[0].Condition.StringEquals["aws:SourceAccount"] == "111122223333"
    ])
    error_message = "a service may assume a role only on behalf of this account"
  }
}

run "the_processor_may_give_up_an_upload" {
  assert {
    condition = one([
      for statement in jsondecode(aws_iam_role_policy.processor.policy).Statement : statement if statement.Sid == "WriteProcessed"
      ]) == {
      Sid      = "WriteProcessed"
      Effect   = "Allow"
      Action   = ["s3:AbortMultipartUpload", "s3:PutObject"]
      Resource = ["arn:aws:s3:::bucket/processed/*", "arn:aws:s3:::bucket/quarantine/*"]
    }
    error_message = "the processor must be able to write and to give up what it writes, and nothing else in the bucket"
  }
}

run "no_ci_roles_without_a_repository" {
  assert {
    condition     = length(aws_iam_role.ci) == 0 && length(aws_iam_openid_connect_provider.github) == 0 && output.ci_role_arns == {}
    error_message = "nothing may be made for CI unless asked for"
  }
}

run "ci_roles_trust_one_repository" {
  variables {
    github_repository = "owner/name"
  }

  assert {
    condition = {
      for name, role in aws_iam_role.ci :
      name => jsondecode(role.assume_role_policy).Statement[0].Condition.StringEquals["token.actions.githubusercontent.com:sub"]
      } == {
      apply  = ["repo:owner/name:environment:staging"]
      deploy = ["repo:owner/name:environment:staging"]
      plan   = ["repo:owner/name:pull_request", "repo:owner/name:ref:refs/heads/main", "repo:owner/name:environment:staging"]
    }
    error_message = "a role must trust whole subjects of one repository; only plan may trust pull requests"
  }

  assert {
    condition = alltrue([
      for role in aws_iam_role.ci :
      jsondecode(role.assume_role_policy).Statement[0].Condition.StringEquals["token.actions.githubusercontent.com:aud"] == "sts.amazonaws.com"
    ])
    error_message = "a token made for someone else must not be taken"
  }
}

run "every_role_has_the_boundary" {
  variables {
    github_repository = "owner/name"
  }

  assert {
    condition = alltrue([
      for role in concat(values(aws_iam_role.ci), [aws_iam_role.execution, aws_iam_role.task, aws_iam_role.processor]) :
      role.permissions_boundary == aws_iam_policy.boundary[0].arn
    ])
    error_message = "a role without the boundary could be widened by who may attach policies"
  }

  assert {
    condition = anytrue([
      for statement in jsondecode(aws_iam_policy.ci["roles"].policy).Statement :
      contains(statement.Action, "iam:CreateRole") &&
      try(statement.Condition.StringEquals["iam:PermissionsBoundary"], "") == "arn:aws:iam::111122223333:policy/sensor-staging-eu-central-1-boundary"
    ])
    error_message = "the apply role may make roles with the boundary only"
  }
}

run "ci_policies_name_their_actions" {
  variables {
    github_repository = "owner/name"
  }

  assert {
    condition = alltrue(flatten([
      for policy in aws_iam_policy.ci : [
        for statement in jsondecode(policy.policy).Statement : [for action in statement.Action : !strcontains(action, "*")]
      ]
    ]))
    error_message = "no CI policy may grant actions by wildcard"
  }

  assert {
    condition = join(" ", sort(distinct(flatten([
      for policy in aws_iam_policy.ci : [
        for statement in jsondecode(policy.policy).Statement : statement.Sid if contains(statement.Resource, "*")
      ]
    ])))) == "ChangeUnnamed DeployUnnamed MakeKey ReadUnnamed"
    error_message = "only what AWS cannot restrict may be granted on every resource, in statements of its own"
  }

  assert {
    condition = flatten([
      for statement in jsondecode(aws_iam_policy.ci["deploy"].policy).Statement : statement.Action if contains(statement.Resource, "*")
    ]) == ["cloudwatch:GetMetricData", "ecr:GetAuthorizationToken", "ecs:DescribeTaskDefinition", "ecs:RegisterTaskDefinition"]
    error_message = "on every resource a deploy may read metrics, get the registry's token and make task definitions, no more"
  }

  assert {
    condition     = alltrue([for policy in concat(values(aws_iam_policy.ci), aws_iam_policy.boundary) : length(replace(policy.policy, " ", "")) <= 6144])
    error_message = "IAM allows 6144 characters in a policy"
  }

  assert {
    condition = !anytrue([
      for statement in jsondecode(aws_iam_policy.ci["read"].policy).Statement : anytrue([
        for action in statement.Action : can(regex(":(Create|Delete|Put|Update|Modify|Attach|Authorize|Pass)", action))
      ])
    ])
    error_message = "planning must not be able to change anything"
  }
}

run "an_identity_provider_that_is_there_is_used" {
  variables {
    github_repository        = "owner/name"
    github_oidc_provider_arn = "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com"
  }

  assert {
    condition     = length(aws_iam_openid_connect_provider.github) == 0 && length(aws_iam_role.ci) == 3
    error_message = "an account can have only one identity provider for GitHub"
  }
}
