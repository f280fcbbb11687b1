# What runs: the API on Fargate, the processor on Lambda.

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

run "a_failed_rollout_goes_back" {
  assert {
    condition     = aws_ecs_service.api.deployment_circuit_breaker[0].enable && aws_ecs_service.api.deployment_circuit_breaker[0].rollback
    error_message = "the circuit breaker must be on and roll back"
  }

  assert {
    condition = (
      aws_ecs_service.api.alarms[0].enable && aws_ecs_service.api.alarms[0].rollback &&
      aws_ecs_service.api.alarms[0].alarm_names == toset(["sensor-backend-staging-api-5xx", "sensor-backend-staging-api-unhealthy"])
    )
    error_message = "errors after the start must roll back as well"
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

run "spot_beyond_the_base" {
  variables {
    on_demand_base = 2
    spot_percent   = 60
  }

  assert {
    condition = join(" ", [
      for part in aws_ecs_service.api.capacity_provider_strategy :
      "${part.capacity_provider}:${part.base == null ? 0 : part.base}:${part.weight}"
    ]) == "FARGATE:2:40 FARGATE_SPOT:0:60"
    error_message = "the base must run on demand, the rest by the given share: ${jsonencode(aws_ecs_service.api.capacity_provider_strategy)}"
  }
}

run "scales_on_cpu_and_requests" {
  variables {
    desired_count     = 2
    max_count         = 8
    requests_per_task = 1234
  }

  assert {
    condition     = aws_appautoscaling_target.api.min_capacity == 2 && aws_appautoscaling_target.api.max_capacity == 8
    error_message = "autoscaling must stay between desired_count and max_count"
  }

  assert {
    condition = (
      aws_appautoscaling_policy.api_cpu.target_tracking_scaling_policy_configuration[0].predefined_metric_specification[0].predefined_metric_type == "ECSServiceAverageCPUUtilization" &&
      aws_appautoscaling_policy.api_requests.target_tracking_scaling_policy_configuration[0].target_value == 1234 &&
      aws_appautoscaling_policy.api_requests.target_tracking_scaling_policy_configuration[0].predefined_metric_specification[0].resource_label == "app/api/0123456789abcdef/targetgroup/api/0123456789abcdef"
    )
    error_message = "autoscaling must follow CPU and the requests of this load balancer"
  }
}

run "image_is_latest_until_told_otherwise" {
  assert {
    condition     = jsondecode(aws_ecs_task_definition.api.container_definitions)[0].image == "111122223333.dkr.ecr.us-east-1.amazonaws.com/api:latest"
    error_message = "the first task definition must run the repository's latest image"
  }
}

run "images_are_scanned_kept_and_immutable" {
  assert {
    condition = (
      aws_ecr_repository.api.image_scanning_configuration[0].scan_on_push &&
      aws_ecr_repository.api.image_tag_mutability == "IMMUTABLE_WITH_EXCLUSION" &&
      toset(aws_ecr_repository.api.image_tag_mutability_exclusion_filter[*].filter) == toset(["latest", "running"])
    )
    error_message = "images must be scanned, and no tags but latest and running may move"
  }

  assert {
    condition = (
      jsondecode(aws_ecr_lifecycle_policy.api.policy).rules[0].rulePriority == 1 &&
      jsondecode(aws_ecr_lifecycle_policy.api.policy).rules[0].selection.tagPatternList == ["running"]
    )
    error_message = "no rule may expire the image that runs, so that the first one has to select it"
  }

  assert {
    condition     = length(jsondecode(aws_ecr_lifecycle_policy.api.policy).rules) == 6 && jsondecode(aws_ecr_lifecycle_policy.api.policy).rules[5].selection.tagPatternList == ["*"]
    error_message = "untagged images, old ones of develop and main, old attestations and those with any other tag must expire"
  }
}

run "warehouse_off" {
  assert {
    condition     = jsondecode(aws_ecs_task_definition.api.container_definitions)[0].secrets[*].name == ["WRITE_KEYS_SHA256"]
    error_message = "without a parameter the API must get no DATABASE_URL"
  }
}

run "warehouse_url_is_a_reference" {
  variables {
    warehouse_url_parameter = "/sensor-backend/warehouse-url"
    warehouse_cidrs         = ["10.0.200.0/24"]
  }

  assert {
    condition     = jsondecode(aws_ecs_task_definition.api.container_definitions)[0].secrets[0].valueFrom == "arn:aws:ssm:us-east-1:111122223333:parameter/sensor-backend/warehouse-url"
    error_message = "the API must be told where the warehouse's URL is kept, never the URL"
  }

  assert {
    condition     = aws_vpc_security_group_egress_rule.api_to_warehouse["10.0.200.0/24"].to_port == 5432
    error_message = "the warehouse must be reachable"
  }
}

run "the_task_can_change_nothing_of_itself" {
  assert {
    condition     = jsondecode(aws_ecs_task_definition.api.container_definitions)[0].readonlyRootFilesystem && aws_ecs_task_definition.api.execution_role_arn != null
    error_message = "the task's file system must be read-only"
  }

  assert {
    condition     = jsondecode(aws_ecs_task_definition.api.container_definitions)[0].linuxParameters.capabilities.drop == ["ALL"]
    error_message = "the container must give up the kernel's capabilities"
  }
}

run "no_task_that_serves_migrates" {
  assert {
    condition = contains(
      jsondecode(aws_ecs_task_definition.api.container_definitions)[0].environment, { name = "MIGRATE_ON_START", value = "false" }
    )
    error_message = "the pipeline's own task migrates, not the service's"
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
    condition = (
      aws_lambda_permission.source_bucket.qualifier == "PROD" && aws_lambda_permission.source_bucket.source_account == "111122223333" &&
      aws_lambda_permission.source_bucket.source_arn == aws_s3_bucket.data["source"].arn
    )
    error_message = "only this account's bucket may call the alias"
  }
}

run "a_share_of_spot_does_not_replace_the_service" {
  assert {
    condition     = aws_ecs_service.api.force_new_deployment
    error_message = "without it the provider replaces a service whose capacity providers change"
  }
}

run "nothing_is_reserved_of_a_new_account" {
  assert {
    condition     = aws_lambda_function.processor.reserved_concurrent_executions == -1
    error_message = "an account with the initial limit of 10 cannot reserve anything"
  }
}

run "write_keys_reach_the_task_as_a_secret" {
  assert {
    condition = (
      contains(jsondecode(aws_ecs_task_definition.api.container_definitions)[0].secrets, { name = "WRITE_KEYS_SHA256", valueFrom = "arn:aws:ssm:us-east-1:111122223333:parameter/sensor-backend/write-keys" }) &&
      strcontains(aws_iam_role_policy.execution.policy, "parameter/sensor-backend/write-keys")
    )
    error_message = "the API must know who may write, and ECS must be able to read it"
  }
}

run "the_processor_is_bounded_and_loses_nothing" {
  variables {
    processor_concurrency = 10
  }

  assert {
    condition     = aws_lambda_function.processor.reserved_concurrent_executions == 10 && aws_lambda_function.processor.tracing_config[0].mode == "Active"
    error_message = "the processor must have its own concurrency and be traced"
  }

  assert {
    condition     = aws_lambda_function.processor.dead_letter_config[0].target_arn == aws_sqs_queue.failed_events.arn
    error_message = "an event that failed three times must be kept"
  }

  assert {
    condition     = aws_lambda_function_event_invoke_config.processor.qualifier == "PROD" && aws_lambda_function_event_invoke_config.processor.maximum_retry_attempts == 2
    error_message = "events of the alias must be tried three times"
  }
}

run "the_processor_has_time_for_the_longest_file" {
  assert {
    condition     = aws_lambda_function.processor.timeout == 900 && aws_cloudwatch_metric_alarm.processor["processor-duration"].threshold == 750000
    error_message = "the processor must have all the time there is, and the alarm must come before its end"
  }

  assert {
    condition     = aws_lambda_function_event_invoke_config.processor.maximum_event_age_in_seconds >= 4 * aws_lambda_function.processor.timeout
    error_message = "an event must live longer than three tries of it"
  }
}

run "alerts_link_to_the_page" {
  assert {
    condition     = aws_lambda_function.processor.environment[0].variables.PAGE_URL == output.api_url
    error_message = "without an address of its own the page is the load balancer's"
  }
}

run "alerts_link_to_the_domain" {
  variables {
    page_url = "https://sensors.example.com"
  }

  assert {
    condition     = aws_lambda_function.processor.environment[0].variables.PAGE_URL == "https://sensors.example.com"
    error_message = "alerts must link to the address people know"
  }
}

run "parquet_is_written_when_asked_for" {
  variables {
    parquet = true
  }

  assert {
    condition     = aws_lambda_function.processor.environment[0].variables.PARQUET == "true"
    error_message = "the processor must know that Parquet is wanted"
  }
}

run "no_collector_no_traces" {
  assert {
    condition = (
      !contains(keys(aws_lambda_function.processor.environment[0].variables), "OTEL_EXPORTER_OTLP_ENDPOINT") &&
      !strcontains(aws_ecs_task_definition.api.container_definitions, "OTEL_EXPORTER_OTLP_ENDPOINT")
    )
    error_message = "without a collector neither API nor processor may try to reach one"
  }
}

run "both_send_traces_to_the_collector" {
  variables {
    egress_mode   = "nat"
    otlp_endpoint = "https://otlp.example.com/v1"
  }

  assert {
    condition = (
      aws_lambda_function.processor.environment[0].variables.OTEL_EXPORTER_OTLP_ENDPOINT == "https://otlp.example.com/v1" &&
      anytrue([
        for setting in jsondecode(aws_ecs_task_definition.api.container_definitions)[0].environment :
        setting == { name = "OTEL_EXPORTER_OTLP_ENDPOINT", value = "https://otlp.example.com/v1" }
      ])
    )
    error_message = "API and processor must both know the collector"
  }
}

run "failed_events_are_kept_once" {
  assert {
    condition     = length(aws_lambda_function_event_invoke_config.processor.destination_config) == 0
    error_message = "with a dead-letter queue a destination would keep each event twice"
  }
}

run "failed_events_are_kept_on_an_emulated_target" {
  variables {
    emulated = true
  }

  assert {
    condition = (
      length(aws_lambda_function.processor.dead_letter_config) == 0 &&
      aws_lambda_function_event_invoke_config.processor.destination_config[0].on_failure[0].destination == aws_sqs_queue.failed_events.arn
    )
    error_message = "an emulated Lambda must keep failed events by a destination"
  }
}
