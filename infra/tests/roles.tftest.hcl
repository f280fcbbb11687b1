# Roles: nothing by wildcard, nothing on everything but what AWS cannot restrict, and only for this account.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  environment          = "staging"
  processor_zip        = "processor.zip"
  write_keys_parameter = "/sensor-backend/write-keys"
  certificate_arn      = "arn:aws:acm:us-east-1:111122223333:certificate/0a1b2c3d-0000-4000-8000-0123456789ab"
  domain_name          = "sensors.example.com"
}

run "roles_have_no_wildcards" {
  variables {
    warehouse_url_parameter = "/sensor-backend/warehouse-url"
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

run "every_role_has_the_boundary" {
  assert {
    condition = alltrue([
      for role in [aws_iam_role.execution, aws_iam_role.task, aws_iam_role.processor] :
      role.permissions_boundary == "arn:aws:iam::111122223333:policy/sensor-backend-staging-us-east-1-boundary"
    ])
    error_message = "a role without the boundary could be widened by who may attach policies"
  }
}

run "the_roles_are_those_that_setup_lets_ci_make" {
  variables {
    enable_redshift = true
  }

  # The same names are asserted of the other stack's local.service_roles.
  assert {
    condition = (
      sort([for role in [aws_iam_role.execution, aws_iam_role.processor, aws_iam_role.task, aws_iam_role.warehouse[0]] : role.name])
      == sort([for role in ["execution", "processor", "task", "warehouse"] : "sensor-backend-staging-us-east-1-${role}"])
    )
    error_message = "every role of a service must be among those that CI may make: setup/boundary.tf"
  }
}
