# What the configuration promises, checked on a mocked provider: no
# credentials, no network.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  environment   = "staging"
  processor_zip = "processor.zip"
}

run "names" {
  assert {
    condition     = aws_s3_bucket.data["source"].bucket == "sensor-staging-source-111122223333-eu-central-1"
    error_message = "the source bucket's name must hold environment, account and region: ${aws_s3_bucket.data["source"].bucket}"
  }

  assert {
    condition     = alltrue([for bucket in aws_s3_bucket.data : length(bucket.bucket) <= 63])
    error_message = "S3 allows 63 characters in a bucket's name"
  }

  assert {
    condition     = output.ecs_service == "sensor-staging-api" && output.lambda_function == "sensor-staging-processor"
    error_message = "names must start with project and environment"
  }

  assert {
    condition     = output.lambda_alias == "PROD" && output.api_container == "api"
    error_message = "deployments rely on the alias PROD and the container api"
  }
}

run "longest_names_fit" {
  variables {
    project = "abcdefghijkl"
    region  = "ap-southeast-4"
  }

  assert {
    condition     = alltrue([for bucket in aws_s3_bucket.data : length(bucket.bucket) <= 63])
    error_message = "S3 allows 63 characters in a bucket's name"
  }

  assert {
    condition     = length(aws_lb.api.name) <= 32 && length(aws_lb_target_group.api.name) <= 32
    error_message = "load balancer and target group names may have 32 characters"
  }
}

run "buckets_are_private" {
  assert {
    condition = alltrue([
      for block in aws_s3_bucket_public_access_block.data :
      block.block_public_acls && block.block_public_policy && block.ignore_public_acls && block.restrict_public_buckets
    ])
    error_message = "every bucket must block public access in all four ways"
  }

  assert {
    condition = (
      keys(aws_s3_bucket_public_access_block.data) == keys(aws_s3_bucket.data) &&
      keys(aws_s3_bucket_policy.tls_only) == keys(aws_s3_bucket.data) &&
      keys(aws_s3_bucket_server_side_encryption_configuration.data) == keys(aws_s3_bucket.data) &&
      keys(aws_s3_bucket_versioning.data) == keys(aws_s3_bucket.data)
    )
    error_message = "every bucket must be blocked, TLS-only, encrypted and versioned"
  }
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
    ]) == ["ecr:GetAuthorizationToken"]
    error_message = "only the registry's token may be granted on every resource"
  }

  assert {
    condition = alltrue([
      for role in [aws_iam_role.execution, aws_iam_role.task, aws_iam_role.processor] :
      jsondecode(role.assume_role_policy).Statement[0].Condition.StringEquals["aws:SourceAccount"] == "111122223333"
    ])
    error_message = "a service may assume a role only on behalf of this account"
  }
}

run "only_the_load_balancer_reaches_the_tasks" {
  assert {
    condition = (
      aws_vpc_security_group_ingress_rule.api_from_alb.referenced_security_group_id == aws_security_group.alb.id &&
      aws_vpc_security_group_ingress_rule.api_from_alb.cidr_ipv4 == null
    )
    error_message = "the tasks must be reachable from the load balancer's group only"
  }

  assert {
    condition     = length(aws_vpc_security_group_egress_rule.api_warehouse) == 0
    error_message = "without a warehouse its ports must stay closed"
  }
}

run "a_failed_rollout_goes_back" {
  assert {
    condition     = aws_ecs_service.api.deployment_circuit_breaker[0].enable && aws_ecs_service.api.deployment_circuit_breaker[0].rollback
    error_message = "the circuit breaker must be on and roll back"
  }

  assert {
    condition     = aws_ecs_service.api.deployment_minimum_healthy_percent == 100
    error_message = "a rollout must not take away running tasks first"
  }

  assert {
    condition     = !aws_ecs_service.api.wait_for_steady_state
    error_message = "Terraform must not wait: a rolled-back service looks steady to it"
  }
}

run "warehouse_off" {
  assert {
    condition     = jsondecode(aws_ecs_task_definition.api.container_definitions)[0].secrets == []
    error_message = "without a parameter the API must get no DATABASE_URL"
  }
}

run "warehouse_url_is_a_reference" {
  variables {
    warehouse_url_parameter = "/sensor/warehouse-url"
  }

  assert {
    condition     = jsondecode(aws_ecs_task_definition.api.container_definitions)[0].secrets[0].valueFrom == "arn:aws:ssm:eu-central-1:111122223333:parameter/sensor/warehouse-url"
    error_message = "the API must be told where the warehouse's URL is kept, never the URL"
  }

  assert {
    condition     = keys(aws_vpc_security_group_egress_rule.api_warehouse) == ["PostgreSQL", "Redshift"]
    error_message = "with a warehouse its ports must be open"
  }
}

run "production_is_protected" {
  variables {
    environment = "prod"
  }

  assert {
    condition = (
      aws_lb.api.enable_deletion_protection &&
      aws_dynamodb_table.metadata.deletion_protection_enabled &&
      !aws_ecr_repository.api.force_delete &&
      alltrue([for bucket in aws_s3_bucket.data : !bucket.force_destroy])
    )
    error_message = "in prod a mistaken destroy must not take data or images with it"
  }
}

run "files_go_to_the_alias" {
  assert {
    condition = (
      aws_s3_bucket_notification.source.lambda_function[0].lambda_function_arn == aws_lambda_alias.prod.arn &&
      aws_s3_bucket_notification.source.lambda_function[0].filter_prefix == "incoming/"
    )
    error_message = "S3 must call the alias, for incoming/ only: what the processor writes must never call it"
  }

  assert {
    condition     = aws_lambda_permission.source_bucket.qualifier == "PROD" && aws_lambda_permission.source_bucket.source_account == "111122223333"
    error_message = "only this account's bucket may call the alias"
  }
}

run "image_is_latest_until_told_otherwise" {
  assert {
    condition     = jsondecode(aws_ecs_task_definition.api.container_definitions)[0].image == "111122223333.dkr.ecr.eu-central-1.amazonaws.com/api:latest"
    error_message = "the first task definition must run the repository's latest image"
  }
}
