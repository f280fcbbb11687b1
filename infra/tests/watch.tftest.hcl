# Watching: logs, alarms, dashboard, budget.

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

run "logs_expire" {
  variables {
    log_retention_days = 14
  }

  assert {
    condition     = aws_cloudwatch_log_group.api.retention_in_days == 14 && aws_cloudwatch_log_group.processor.retention_in_days == 14
    error_message = "no log may be kept for ever"
  }
}

run "every_alarm_reaches_somebody" {
  variables {
    alert_email = "oncall@example.com"
  }

  assert {
    condition = alltrue([
      for alarm in concat(values(aws_cloudwatch_metric_alarm.api), values(aws_cloudwatch_metric_alarm.processor)) :
      contains(alarm.alarm_actions, aws_sns_topic.alarms.arn) && contains(alarm.ok_actions, aws_sns_topic.alarms.arn) && length(alarm.alarm_description) > 40
    ])
    error_message = "an alarm must go to the topic, when it rises and when it ends, and say what to do"
  }

  assert {
    condition     = aws_sns_topic_subscription.alert_email[0].protocol == "email" && aws_sns_topic_subscription.alert_email[0].endpoint == "oncall@example.com"
    error_message = "the topic must send mail"
  }

  assert {
    condition     = jsondecode(aws_sns_topic_policy.alarms.policy).Statement[0].Condition.StringEquals["aws:SourceAccount"] == "111122223333"
    error_message = "only this account's alarms may use the topic"
  }
}

run "the_alarms_that_matter_are_there" {
  assert {
    condition     = keys(aws_cloudwatch_metric_alarm.api) == ["api-5xx", "api-cpu", "api-down", "api-elb-5xx", "api-latency", "api-memory", "api-unhealthy"]
    error_message = "the API needs alarms on errors, health, latency, CPU and memory"
  }

  assert {
    condition     = keys(aws_cloudwatch_metric_alarm.processor) == ["failed-events", "processor-duration", "processor-errors", "processor-throttles", "table-errors"]
    error_message = "the processor needs alarms on errors, duration, throttles, its dead letters and its table"
  }
}

# What counts requests or errors sends nothing while there are none.
run "silence_is_judged_by_what_it_means" {
  assert {
    condition = [
      for name, alarm in merge(aws_cloudwatch_metric_alarm.api, aws_cloudwatch_metric_alarm.processor) : name if alarm.treat_missing_data != "notBreaching"
    ] == ["api-down"]
    error_message = "only the number of healthy targets is always sent"
  }
}

run "a_total_outage_rings" {
  assert {
    condition = (
      aws_cloudwatch_metric_alarm.api["api-down"].treat_missing_data == "breaching" && aws_cloudwatch_metric_alarm.api["api-down"].threshold == 1 &&
      aws_cloudwatch_metric_alarm.api["api-down"].comparison_operator == "LessThanThreshold"
    )
    error_message = "a target group without targets sends no data, and must ring"
  }

  assert {
    condition     = alltrue([for name in ["processor-throttles", "table-errors"] : aws_cloudwatch_metric_alarm.processor[name].evaluation_periods > 1])
    error_message = "a burst that is throttled and then served must not ring"
  }
}

run "the_dashboard_shows_the_golden_signals" {
  assert {
    condition = alltrue([
      for metric in [
        "Duration", "Errors", "CPUUtilization", "MemoryUtilization", "TargetResponseTime", "HTTPCode_Target_5XX_Count",
        "ApproximateNumberOfMessagesVisible", "BucketSizeBytes", "AllRequests",
      ] : strcontains(aws_cloudwatch_dashboard.main.dashboard_body, "\"${metric}\"")
    ])
    error_message = "the dashboard must show latency, traffic, errors and saturation of API, processor, queue and buckets"
  }

  assert {
    condition     = keys(aws_s3_bucket_metric.requests) == keys(aws_s3_bucket.data)
    error_message = "S3 counts requests only where it is told to"
  }
}

run "no_budget_unless_asked" {
  assert {
    condition     = length(aws_budgets_budget.monthly) == 0
    error_message = "a budget must be asked for"
  }
}

run "the_budget_warns_before_it_is_spent" {
  variables {
    monthly_budget = 150
  }

  assert {
    condition     = aws_budgets_budget.monthly[0].limit_amount == "150" && length(aws_budgets_budget.monthly[0].notification) == 2
    error_message = "the budget must have the amount given and warn on actual and forecast cost"
  }

  assert {
    condition     = contains(flatten([for filter in aws_budgets_budget.monthly[0].cost_filter : filter.values]), "user:Environment$staging")
    error_message = "the budget must count this environment only"
  }
}

run "an_emulated_target_has_no_budget" {
  variables {
    monthly_budget = 150
    emulated       = true
  }

  assert {
    condition     = length(aws_budgets_budget.monthly) == 0
    error_message = "an emulated AWS bills nobody"
  }
}
