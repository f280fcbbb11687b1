# Roles of CI: whom they trust, nothing by wildcard, nothing on everything but what AWS cannot restrict, and nothing of their own to change.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  environment       = "staging"
  github_repository = "owner/name"
}

run "no_ci_roles_without_a_repository" {
  variables {
    github_repository = ""
  }

  assert {
    condition     = length(aws_iam_role.ci) == 0 && length(aws_iam_policy.ci) == 0 && output.ci_role_arns == {}
    error_message = "nothing may be made for CI unless asked for"
  }

  assert {
    condition     = output.boundary_arn == aws_iam_policy.boundary.arn && aws_iam_policy.boundary.name == "sensor-backend-staging-us-east-1-boundary"
    error_message = "the other stack makes no role without the boundary, and finds it by this name"
  }
}

run "ci_roles_trust_one_repository" {
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

  assert {
    condition = alltrue([
      for role in aws_iam_role.ci :
      jsondecode(role.assume_role_policy).Statement[0].Principal.Federated == "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com"
    ])
    error_message = "only the account's identity provider for GitHub may vouch for a token"
  }
}

run "every_role_has_the_boundary" {
  assert {
    condition = alltrue([
      for role in aws_iam_role.ci :
      role.permissions_boundary == aws_iam_policy.boundary.arn
    ])
    error_message = "a role without the boundary could be widened by who may attach policies"
  }

  assert {
    condition = anytrue([
      for statement in jsondecode(aws_iam_policy.ci["roles"].policy).Statement :
      contains(statement.Action, "iam:CreateRole") &&
      try(statement.Condition.StringEquals["iam:PermissionsBoundary"], "") == "arn:aws:iam::111122223333:policy/sensor-backend-staging-us-east-1-boundary"
    ])
    error_message = "the apply role may make roles with the boundary only"
  }
}

run "ci_policies_name_their_actions" {
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
    ])))) == "ChangeUnnamed DeployUnnamed LookUnnamed MakeKey ReadUnnamed"
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
    condition     = alltrue([for policy in concat(values(aws_iam_policy.ci), [aws_iam_policy.boundary]) : length(replace(policy.policy, " ", "")) <= 6144])
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

run "both_forms_of_a_subject_are_trusted" {
  variables {
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
  assert {
    condition = join(" ", sort(distinct([
      for key, attachment in aws_iam_role_policy_attachment.ci : split("-", key)[0]
      if anytrue([
        for statement in jsondecode(aws_iam_policy.ci[split("-", key)[1]].policy).Statement :
        length(setintersection(statement.Action, ["s3:DeleteObject", "s3:PutObject"])) > 0 &&
        contains(statement.Resource, "arn:aws:s3:::sensor-backend-tfstate-111122223333-us-east-1/staging/terraform.tfstate")
      ])
    ]))) == "apply"
    error_message = "planning and deploying must not be able to write or remove the state"
  }

  assert {
    condition = !anytrue(flatten([
      for policy in aws_iam_policy.ci : [
        for statement in jsondecode(policy.policy).Statement :
        contains(statement.Action, "s3:DeleteObject") &&
        contains(statement.Resource, "arn:aws:s3:::sensor-backend-tfstate-111122223333-us-east-1/staging/terraform.tfstate")
      ]
    ]))
    error_message = "nobody has to remove the state"
  }
}

run "an_environment_cannot_touch_the_locks_of_another" {
  assert {
    condition = alltrue(flatten([
      for policy in aws_iam_policy.ci : [
        for statement in jsondecode(policy.policy).Statement : alltrue([
          for key in statement.Condition["ForAllValues:StringEquals"]["dynamodb:LeadingKeys"] :
          startswith(key, "sensor-backend-tfstate-111122223333-us-east-1/staging/terraform.tfstate") || key == "deploy/sensor-backend-staging"
        ])
        if contains(statement.Resource, "arn:aws:dynamodb:us-east-1:111122223333:table/sensor-backend-tfstate-lock") && statement.Sid != "FindLocks"
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
      local.service_roles
      == [for role in ["execution", "processor", "task", "warehouse"] : "arn:aws:iam::111122223333:role/sensor-backend-staging-us-east-1-${role}"]
    )
    error_message = "every role of a service must be among those that CI may make"
  }

  assert {
    condition = alltrue([
      for needed in [
        "arn:aws:iam::111122223333:policy/sensor-backend-staging-us-east-1-boundary", "arn:aws:iam::111122223333:policy/sensor-backend-staging-us-east-1-ci-*",
        "arn:aws:iam::111122223333:role/sensor-backend-staging-us-east-1-ci-*", "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com",
        ] : contains(flatten([
          for statement in jsondecode(aws_iam_policy.boundary.policy).Statement : statement.Resource if statement.Sid == "NoChangeOfTheLimit"
      ]), needed)
    ])
    error_message = "the boundary must deny any change of itself, of CI's roles and of whom they trust"
  }

  assert {
    condition = !anytrue(flatten([
      for statement in jsondecode(aws_iam_policy.boundary.policy).Statement : [
        for action in flatten([statement.Action]) : startswith(action, "sts:") || contains(["*", "iam:*"], action)
      ] if statement.Effect == "Allow"
    ]))
    error_message = "no role may take another one, nor have the whole of IAM"
  }
}

run "a_deploy_removes_versions_and_never_the_function" {
  assert {
    condition = [
      for statement in jsondecode(aws_iam_policy.ci["deploy"].policy).Statement : statement.Resource if contains(statement.Action, "lambda:DeleteFunction")
    ] == [["arn:aws:lambda:us-east-1:111122223333:function:sensor-data-processor-staging:*"]]
    error_message = "a version's name follows the function's after a colon"
  }
}

# Of Secrets Manager's secret Redshift sets the tags, and removes none.
run "what_may_be_tagged_may_be_untagged" {
  assert {
    condition = length(setsubtract(
      [for action in flatten([for policy in aws_iam_policy.ci : [for statement in jsondecode(policy.policy).Statement : statement.Action]]) : replace(replace(action, ":Tag", ":Untag"), ":AddTags", ":RemoveTags") if can(regex("^[^s].*:(Tag|AddTags)|^s[^e].*:Tag", action))],
      flatten([for policy in aws_iam_policy.ci : [for statement in jsondecode(policy.policy).Statement : statement.Action]]),
    )) == 0
    error_message = "Terraform removes a tag that is gone from the configuration"
  }
}

run "roles_have_ten_policies_at_most" {
  assert {
    condition     = alltrue([for policies in values(local.ci_policies) : length(policies) <= 10])
    error_message = "IAM attaches at most 10 policies to a role"
  }
}

run "longest_names_fit" {
  variables {
    project_name = "abcdefghijklmnopqrst"
    aws_region   = "ap-southeast-4"
  }

  assert {
    condition     = alltrue([for role in aws_iam_role.ci : length(role.name) <= 64]) && alltrue([for policy in aws_iam_policy.ci : length(policy.name) <= 128])
    error_message = "IAM allows 64 characters in a role's name, and 128 in a policy's"
  }

  assert {
    condition     = alltrue([for policy in concat(values(aws_iam_policy.ci), [aws_iam_policy.boundary]) : length(replace(policy.policy, " ", "")) <= 6144])
    error_message = "IAM allows 6144 characters in a policy: ${jsonencode({ for name, policy in aws_iam_policy.ci : name => length(replace(policy.policy, " ", "")) })}"
  }
}

run "second_region_has_its_own_names" {
  variables {
    aws_region = "eu-central-1"
  }

  assert {
    condition = alltrue([
      for name in concat([for role in aws_iam_role.ci : role.name], [for policy in aws_iam_policy.ci : policy.name], [aws_iam_policy.boundary.name]) :
      startswith(name, "sensor-backend-staging-eu-central-1")
    ])
    error_message = "what is the account's must carry the region in its name"
  }
}

# The first apply reads a key that has tags and no alias yet.
run "apply_reads_a_key_that_has_no_name_yet" {
  assert {
    condition = length(setsubtract(
      ["kms:DescribeKey", "kms:GetKeyPolicy", "kms:GetKeyRotationStatus", "kms:ListResourceTags"],
      one([for statement in jsondecode(aws_iam_policy.ci["storage"].policy).Statement : statement.Action if statement.Sid == "ChangeKey"]),
    )) == 0
    error_message = "what CreateKey returns is read before it has an alias"
  }
}

# Prod has the bare names, so that a pattern with them would hold every environment.
run "prod_reaches_no_other_environment" {
  variables {
    environment = "prod"
  }

  assert {
    condition = !anytrue(flatten([
      for policy in aws_iam_policy.ci : [
        for statement in jsondecode(policy.policy).Statement : [
          for resource in statement.Resource : [
            for other in [
              "repository/sensor-backend-dev", "cluster/sensor-backend-cluster-dev", "service/sensor-backend-cluster-dev/sensor-backend-service-dev",
              "task-definition/sensor-backend-dev:1", "task/sensor-backend-cluster-dev/0123", "function:sensor-data-processor-dev",
              "function:sensor-data-processor-dev:PROD", "log-group:/ecs/sensor-backend-dev", "log-group:/aws/lambda/sensor-data-processor-dev:*",
              "alarm:sensor-backend-dev-api-5xx", "table/sensor-backend-dev-metadata",
              "alarm:TargetTracking-service/sensor-backend-cluster-dev/sensor-backend-service-dev-AlarmHigh",
            ] : can(regex("^${replace(join(":", slice(split(":", resource), 5, length(split(":", resource)))), "*", ".*")}$", other))
          ] if resource != "*" && !can(regex(":(kms|ec2|route53):", resource))
        ]
      ]
    ]))
    error_message = "prod's roles must not reach another environment"
  }
}
