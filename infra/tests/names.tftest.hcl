# Names: unique in all of AWS where they must be, within AWS's limits, and those the pipeline relies on.

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

run "names" {
  assert {
    condition     = aws_s3_bucket.data["source"].bucket == "sensor-staging-source-111122223333-eu-central-1"
    error_message = "the source bucket's name must hold environment, account and region: ${aws_s3_bucket.data["source"].bucket}"
  }

  assert {
    condition     = output.ecs_service == "sensor-staging-api" && output.lambda_function == "sensor-staging-processor"
    error_message = "names must start with project and environment"
  }

  assert {
    condition     = output.lambda_alias == "PROD" && output.api_container == "api"
    error_message = "deployments rely on the alias PROD and the container api"
  }

  assert {
    condition     = aws_ecr_repository.api.name == "sensor-staging-api"
    error_message = "the first push looks for PROJECT-ENVIRONMENT-api"
  }
}

run "longest_names_fit" {
  variables {
    project         = "abcdefghijkl"
    region          = "ap-southeast-4"
    certificate_arn = "arn:aws:acm:ap-southeast-4:111122223333:certificate/0a1b2c3d-0000-4000-8000-0123456789ab"
    enable_redshift = true
  }

  assert {
    condition     = alltrue([for bucket in concat(values(aws_s3_bucket.data), [aws_s3_bucket.logs]) : length(bucket.bucket) <= 63])
    error_message = "S3 allows 63 characters in a bucket's name"
  }

  assert {
    condition     = length(aws_lb.api.name) <= 32 && length(aws_lb_target_group.api.name) <= 32
    error_message = "load balancer and target group names may have 32 characters"
  }

  assert {
    condition = alltrue([
      for role in [aws_iam_role.execution, aws_iam_role.task, aws_iam_role.processor] : length(role.name) <= 64
    ])
    error_message = "IAM allows 64 characters in a role's name"
  }

  assert {
    condition     = length(aws_redshift_cluster.warehouse[0].cluster_identifier) <= 63
    error_message = "Redshift allows 63 characters in a cluster's name"
  }
}

# The account's names (roles, policies, budget) must not meet those of another
# region of the same environment.
run "second_region_has_its_own_names" {
  variables {
    region          = "us-east-1"
    certificate_arn = "arn:aws:acm:us-east-1:111122223333:certificate/0a1b2c3d-0000-4000-8000-0123456789ab"
    monthly_budget  = 10
  }

  assert {
    condition = alltrue([
      for name in [
        aws_iam_role.execution.name, aws_iam_role.task.name, aws_iam_role.processor.name,
        aws_budgets_budget.monthly[0].name, aws_cloudwatch_dashboard.main.dashboard_name,
      ] : startswith(name, "sensor-staging-us-east-1")
    ])
    error_message = "what is the account's must carry the region in its name"
  }

  assert {
    condition     = alltrue([for bucket in aws_s3_bucket.data : endswith(bucket.bucket, "-us-east-1")])
    error_message = "bucket names are shared by all regions"
  }
}
