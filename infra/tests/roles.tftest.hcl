# Roles: nothing by wildcard, nothing on everything but what AWS cannot restrict, and only for this account.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  environment          = "staging"
  processor_zip        = "processor.zip"
  write_keys_parameter = "/sensor/write-keys"
  certificate_arn      = "arn:aws:acm:eu-central-1:111122223333:certificate/0a1b2c3d-0000-4000-8000-0123456789ab"
  domain_name          = "sensors.example.com"
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
      plan   = ["repo:owner/name:environment:staging", "repo:owner/name:environment:staging-plan"]
    }
    error_message = "a role must trust whole subjects of one repository's environments; none may trust pull requests"
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
      ]) == [
      "cloudwatch:GetMetricData", "ecr:GetAuthorizationToken", "ecs:DescribeTaskDefinition", "ecs:RegisterTaskDefinition",
      "elasticloadbalancing:DescribeTargetGroups", "elasticloadbalancing:DescribeTargetHealth", "logs:DescribeLogGroups",
    ]
    error_message = "on every resource a deploy may list, read metrics, get the registry's token and make task definitions, no more"
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

run "both_forms_of_a_subject_are_trusted" {
  variables {
    github_repository    = "owner/name"
    github_owner_id      = "12"
    github_repository_id = "345"
  }

  assert {
    condition = (
      jsondecode(aws_iam_role.ci["apply"].assume_role_policy).Statement[0].Condition.StringEquals["token.actions.githubusercontent.com:sub"]
      == ["repo:owner/name:environment:staging", "repo:owner@12/name@345:environment:staging"]
    )
    error_message = "GitHub names newer repositories with their ids"
  }
}

run "only_apply_writes_the_state" {
  variables {
    github_repository = "owner/name"
  }

  assert {
    condition = join(" ", sort(distinct([
      for key, attachment in aws_iam_role_policy_attachment.ci : split("-", key)[0]
      if anytrue([
        for statement in jsondecode(aws_iam_policy.ci[split("-", key)[1]].policy).Statement :
        length(setintersection(statement.Action, ["s3:DeleteObject", "s3:PutObject"])) > 0 &&
        contains(statement.Resource, "arn:aws:s3:::sensor-tfstate-111122223333-eu-central-1/staging/terraform.tfstate")
      ])
    ]))) == "apply"
    error_message = "planning and deploying must not be able to write or remove the state"
  }

  assert {
    condition = !anytrue(flatten([
      for policy in aws_iam_policy.ci : [
        for statement in jsondecode(policy.policy).Statement :
        contains(statement.Action, "s3:DeleteObject") &&
        contains(statement.Resource, "arn:aws:s3:::sensor-tfstate-111122223333-eu-central-1/staging/terraform.tfstate")
      ]
    ]))
    error_message = "nobody has to remove the state"
  }
}

run "an_environment_cannot_touch_the_locks_of_another" {
  variables {
    github_repository = "owner/name"
  }

  assert {
    condition = alltrue(flatten([
      for policy in aws_iam_policy.ci : [
        for statement in jsondecode(policy.policy).Statement : alltrue([
          for key in statement.Condition["ForAllValues:StringEquals"]["dynamodb:LeadingKeys"] :
          startswith(key, "sensor-tfstate-111122223333-eu-central-1/staging/terraform.tfstate") || key == "deploy/sensor-staging"
        ])
        if contains(statement.Resource, "arn:aws:dynamodb:eu-central-1:111122223333:table/sensor-tfstate-lock") && statement.Sid != "FindLocks"
      ]
    ]))
    error_message = "the items of the lock table must be named by their keys"
  }

  assert {
    condition = one([
      for statement in jsondecode(aws_iam_policy.ci["records"].policy).Statement : statement.Action if statement.Sid == "DeployLock"
    ]) == ["dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]
    error_message = "the deploy lock is taken, renewed and given back"
  }
}

run "ci_cannot_change_its_own_roles" {
  variables {
    github_repository = "owner/name"
    enable_redshift   = true
  }

  assert {
    condition = !anytrue(flatten([
      for policy in aws_iam_policy.ci : [
        for statement in jsondecode(policy.policy).Statement : [
          for resource in statement.Resource :
          anytrue([for action in statement.Action : can(regex("^iam:(Add|Attach|Create|Delete|Detach|Pass|Put|Remove|Set|Tag|Untag|Update)", action))]) &&
          !contains(local.service_roles, resource)
        ]
      ]
    ]))
    error_message = "CI may change the roles of services only: not its own, not their policies, not the boundary"
  }

  assert {
    condition = (
      sort([for role in [aws_iam_role.execution, aws_iam_role.processor, aws_iam_role.task, aws_iam_role.warehouse[0]] : "arn:aws:iam::111122223333:role/${role.name}"])
      == sort(local.service_roles)
    )
    error_message = "every role of a service must be among those that CI may make"
  }

  assert {
    condition = alltrue([
      for needed in [
        "arn:aws:iam::111122223333:policy/sensor-staging-eu-central-1-boundary", "arn:aws:iam::111122223333:policy/sensor-staging-eu-central-1-ci-*",
        "arn:aws:iam::111122223333:role/sensor-staging-eu-central-1-ci-*", "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com",
        ] : contains(flatten([
          for statement in jsondecode(aws_iam_policy.boundary[0].policy).Statement : statement.Resource if statement.Sid == "NoChangeOfTheLimit"
      ]), needed)
    ])
    error_message = "the boundary must deny any change of itself, of CI's roles and of whom they trust"
  }

  assert {
    condition = !anytrue(flatten([
      for statement in jsondecode(aws_iam_policy.boundary[0].policy).Statement : [
        for action in flatten([statement.Action]) : startswith(action, "sts:") || contains(["*", "iam:*"], action)
      ] if statement.Effect == "Allow"
    ]))
    error_message = "no role may take another one, nor have the whole of IAM"
  }
}

run "a_deploy_removes_versions_and_never_the_function" {
  variables {
    github_repository = "owner/name"
  }

  assert {
    condition = [
      for statement in jsondecode(aws_iam_policy.ci["deploy"].policy).Statement : statement.Resource if contains(statement.Action, "lambda:DeleteFunction")
    ] == [["arn:aws:lambda:eu-central-1:111122223333:function:sensor-staging-processor:*"]]
    error_message = "a version's name follows the function's after a colon"
  }
}

# Of Secrets Manager's secret Redshift sets the tags, and removes none.
run "what_may_be_tagged_may_be_untagged" {
  variables {
    github_repository = "owner/name"
  }

  assert {
    condition = length(setsubtract(
      [for action in flatten([for policy in aws_iam_policy.ci : [for statement in jsondecode(policy.policy).Statement : statement.Action]]) : replace(replace(action, ":Tag", ":Untag"), ":AddTags", ":RemoveTags") if can(regex("^[^s].*:(Tag|AddTags)|^s[^e].*:Tag", action))],
      flatten([for policy in aws_iam_policy.ci : [for statement in jsondecode(policy.policy).Statement : statement.Action]]),
    )) == 0
    error_message = "Terraform removes a tag that is gone from the configuration"
  }
}

run "roles_have_ten_policies_at_most" {
  variables {
    github_repository = "owner/name"
  }

  assert {
    condition     = alltrue([for policies in values(local.ci_policies) : length(policies) <= 10])
    error_message = "IAM attaches at most 10 policies to a role"
  }
}
