# Names: unique in all of AWS where they must be, within AWS's limits, and those the pipeline relies on.

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

run "prod_has_the_names_of_its_runbook" {
  command = plan

  variables {
    project_name = "sensor-backend"
    environment  = "prod"
    aws_region   = "us-east-1"
  }

  assert {
    condition     = local.names == jsondecode(file("tests/names.json"))["sensor-backend prod us-east-1"]
    error_message = "the pipeline knows other names: ${jsonencode(local.names)}"
  }
}

run "prod_in_another_region" {
  command = plan

  variables {
    project_name    = "sensor-backend"
    environment     = "prod"
    aws_region      = "eu-central-1"
    certificate_arn = "arn:aws:acm:eu-central-1:111122223333:certificate/0a1b2c3d-0000-4000-8000-0123456789ab"
  }

  assert {
    condition     = local.names == jsondecode(file("tests/names.json"))["sensor-backend prod eu-central-1"]
    error_message = "the pipeline knows other names: ${jsonencode(local.names)}"
  }
}

run "dev" {
  command = plan

  variables {
    project_name = "sensor-backend"
    environment  = "dev"
    aws_region   = "us-east-1"
  }

  assert {
    condition     = local.names == jsondecode(file("tests/names.json"))["sensor-backend dev us-east-1"]
    error_message = "the pipeline knows other names: ${jsonencode(local.names)}"
  }
}

run "the_longest_names" {
  command = plan

  variables {
    project_name    = "abcdefghijklmnopqrst"
    environment     = "staging"
    aws_region      = "ap-southeast-4"
    certificate_arn = "arn:aws:acm:ap-southeast-4:111122223333:certificate/0a1b2c3d-0000-4000-8000-0123456789ab"
  }

  assert {
    condition     = local.names == jsondecode(file("tests/names.json"))["abcdefghijklmnopqrst staging ap-southeast-4"]
    error_message = "the pipeline knows other names: ${jsonencode(local.names)}"
  }
}

run "resources_have_these_names" {
  variables {
    environment = "prod"
  }

  assert {
    condition = {
      repository = aws_ecr_repository.api.name, cluster = output.ecs_cluster, service = output.ecs_service, family = output.ecs_task_family
      function   = output.lambda_function, alias = output.lambda_alias, container = output.api_container
      api_logs   = output.api_log_group, function_logs = output.processor_log_group
      } == {
      repository = "sensor-backend", cluster = "sensor-backend-cluster", service = "sensor-backend-service", family = "sensor-backend"
      function   = "sensor-data-processor", alias = "PROD", container = "api"
      api_logs   = "/ecs/sensor-backend", function_logs = "/aws/lambda/sensor-data-processor"
    }
    error_message = "prod in us-east-1 must be called as its runbook calls it"
  }

  assert {
    condition     = aws_s3_bucket.data["source"].bucket == "sensor-backend-prod-source-111122223333-use1"
    error_message = "the source bucket's name must hold environment, account and region: ${aws_s3_bucket.data["source"].bucket}"
  }

  # By name, not by reference: an alarm of another name would watch nothing.
  assert {
    condition = (
      aws_cloudwatch_metric_alarm.api["api-cpu"].dimensions.ServiceName == aws_ecs_service.api.name &&
      aws_cloudwatch_metric_alarm.processor["processor-errors"].dimensions.FunctionName == aws_lambda_function.processor.function_name
    )
    error_message = "alarms must watch the service and the function"
  }

  assert {
    condition     = aws_cloudwatch_log_group.processor.name == "/aws/lambda/${aws_lambda_function.processor.function_name}"
    error_message = "Lambda writes to the log group of the function's name"
  }
}

run "regions_have_codes_of_their_own" {
  command = plan

  variables {
    environment     = "dev"
    aws_region      = "us-gov-west-1"
    certificate_arn = ""
    domain_name     = ""
  }

  assert {
    condition     = local.region_code == "usgw1"
    error_message = "the code must be the one that AWS names zones by: ${local.region_code}"
  }
}

run "longest_names_fit" {
  variables {
    project_name    = "abcdefghijklmnopqrst"
    aws_region      = "ap-southeast-4"
    certificate_arn = "arn:aws:acm:ap-southeast-4:111122223333:certificate/0a1b2c3d-0000-4000-8000-0123456789ab"
    enable_redshift = true
    monthly_budget  = 10
  }

  assert {
    condition = alltrue([for each in concat(
      [for bucket in concat(values(aws_s3_bucket.data), [aws_s3_bucket.logs]) : { name = bucket.bucket, limit = 63 }],
      [for role in [aws_iam_role.execution, aws_iam_role.task, aws_iam_role.processor, aws_iam_role.warehouse[0]] : { name = role.name, limit = 64 }],
      [
        { name = aws_lb.api.name, limit = 32 }, { name = aws_lb_target_group.api.name, limit = 32 },
        { name = aws_lambda_function.processor.function_name, limit = 64 },
        { name = aws_redshift_cluster.warehouse[0].cluster_identifier, limit = 63 },
        { name = aws_sqs_queue.failed_events.name, limit = 80 }, { name = aws_budgets_budget.monthly[0].name, limit = 100 },
        { name = aws_ecr_repository.api.name, limit = 256 }, { name = aws_ecs_service.api.name, limit = 255 },
      ],
    ) : length(each.name) <= each.limit])
    error_message = "a name is longer than AWS allows"
  }
}

# The account's names (roles, policies, budget) must not meet those of another
# region of the same environment.
run "second_region_has_its_own_names" {
  variables {
    aws_region      = "eu-central-1"
    certificate_arn = "arn:aws:acm:eu-central-1:111122223333:certificate/0a1b2c3d-0000-4000-8000-0123456789ab"
    monthly_budget  = 10
  }

  assert {
    condition = alltrue([
      for name in [
        aws_iam_role.execution.name, aws_iam_role.task.name, aws_iam_role.processor.name,
        aws_budgets_budget.monthly[0].name, aws_cloudwatch_dashboard.main.dashboard_name,
      ] : startswith(name, "sensor-backend-staging-eu-central-1")
    ])
    error_message = "what is the account's must carry the region in its name"
  }

  assert {
    condition     = alltrue([for bucket in aws_s3_bucket.data : endswith(bucket.bucket, "-euc1")])
    error_message = "bucket names are shared by all regions"
  }
}
