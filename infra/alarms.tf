# Every alarm goes to the topic of topics.tf, says what it saw and what to do
# first. Those of the API that a bad release trips also roll a rollout back.

locals {
  rollback_alarms = ["api-5xx", "api-unhealthy"]

  alb_dimensions = {
    LoadBalancer = aws_lb.api.arn_suffix
    TargetGroup  = aws_lb_target_group.api.arn_suffix
  }

  # Names, not references: the service waits for its rollback alarms.
  ecs_dimensions = {
    ClusterName = aws_ecs_cluster.main.name
    ServiceName = local.names.service
  }

  api_alarms = {
    api-5xx = {
      metric    = ["AWS/ApplicationELB", "HTTPCode_Target_5XX_Count", "Sum"]
      above     = var.alarm_5xx_per_minute
      minutes   = 3
      about     = "the API answers with server errors: `dagger call logs`, then roll back if a release is new"
      dimension = local.alb_dimensions
    }
    api-unhealthy = {
      metric    = ["AWS/ApplicationELB", "UnHealthyHostCount", "Maximum"]
      above     = 0
      minutes   = 3
      about     = "tasks fail the load balancer's health check: see the service's events and stopped tasks"
      dimension = local.alb_dimensions
    }
    api-down = {
      metric    = ["AWS/ApplicationELB", "HealthyHostCount", "Maximum"]
      below     = 1
      minutes   = 3
      about     = "no task is healthy, or there is none at all: see the service's events and stopped tasks"
      dimension = local.alb_dimensions
    }
    api-elb-5xx = {
      metric    = ["AWS/ApplicationELB", "HTTPCode_ELB_5XX_Count", "Sum"]
      above     = var.alarm_5xx_per_minute
      minutes   = 3
      about     = "the load balancer itself answers with errors, because no task takes the request or one ends too early"
      dimension = { LoadBalancer = aws_lb.api.arn_suffix }
    }
    api-latency = {
      metric    = ["AWS/ApplicationELB", "TargetResponseTime", "p99"]
      above     = 2
      minutes   = 5
      about     = "the slowest requests take over two seconds: look at the warehouse and at CPU"
      dimension = local.alb_dimensions
    }
    api-cpu = {
      metric    = ["AWS/ECS", "CPUUtilization", "Average"]
      above     = 85
      minutes   = 10
      about     = "the tasks stay busy although they may scale out: has max_count been reached?"
      dimension = local.ecs_dimensions
    }
    api-memory = {
      metric    = ["AWS/ECS", "MemoryUtilization", "Average"]
      above     = 85
      minutes   = 10
      about     = "the tasks run out of memory and will be killed: raise memory or look for a leak"
      dimension = local.ecs_dimensions
    }
  }

  processor_dimensions = { FunctionName = local.names.function }

  processor_alarms = {
    processor-errors = {
      metric    = ["AWS/Lambda", "Errors", "Sum"]
      above     = 0
      minutes   = 5
      about     = "the processor fails on a file: its log names bucket, key and reason"
      dimension = local.processor_dimensions
    }
    processor-throttles = {
      metric    = ["AWS/Lambda", "Throttles", "Sum"]
      above     = 0
      minutes   = 15
      times     = 2
      about     = "files keep waiting because no concurrency is left, more than a burst: raise processor_concurrency or the account's limit"
      dimension = local.processor_dimensions
    }
    processor-duration = {
      metric    = ["AWS/Lambda", "Duration", "Maximum"]
      above     = local.processor_timeout * 1000 * 5 / 6
      minutes   = 5
      about     = "a file takes almost the whole time the processor has: split it or raise the timeout"
      dimension = local.processor_dimensions
    }
    failed-events = {
      metric    = ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "Maximum"]
      above     = 0
      minutes   = 5
      about     = "files were given up after three failures: read the queue, mend the cause, send the events again"
      dimension = { QueueName = aws_sqs_queue.failed_events.name }
    }
    table-errors = {
      metric    = ["AWS/DynamoDB", "ThrottledRequests", "Sum"]
      above     = 0
      minutes   = 5
      times     = 3
      about     = "DynamoDB keeps turning requests away: one sensor's rows may be one hot key"
      dimension = { TableName = aws_dynamodb_table.metadata.name, Operation = "PutItem" }
    }
  }
}

# Two resources, so that the service can wait for the API's alarms without
# waiting for everything else.
resource "aws_cloudwatch_metric_alarm" "api" {
  for_each = local.api_alarms

  alarm_name          = "${local.name}-${each.key}"
  alarm_description   = "${each.key}: ${each.value.about}"
  namespace           = each.value.metric[0]
  metric_name         = each.value.metric[1]
  statistic           = startswith(each.value.metric[2], "p") ? null : each.value.metric[2]
  extended_statistic  = startswith(each.value.metric[2], "p") ? each.value.metric[2] : null
  dimensions          = each.value.dimension
  comparison_operator = can(each.value.below) ? "LessThanThreshold" : "GreaterThanThreshold"
  threshold           = can(each.value.below) ? each.value.below : each.value.above
  period              = 60
  evaluation_periods  = each.value.minutes
  datapoints_to_alarm = each.value.minutes
  # Without requests nothing is counted, which is good; without targets the load
  # balancer reports none, which is not.
  treat_missing_data = can(each.value.below) ? "breaching" : "notBreaching"
  alarm_actions      = [aws_sns_topic.alarms.arn]
  ok_actions         = [aws_sns_topic.alarms.arn]
}

resource "aws_cloudwatch_metric_alarm" "processor" {
  for_each = local.processor_alarms

  alarm_name          = "${local.name}-${each.key}"
  alarm_description   = "${each.key}: ${each.value.about}"
  namespace           = each.value.metric[0]
  metric_name         = each.value.metric[1]
  statistic           = each.value.metric[2]
  dimensions          = each.value.dimension
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.above
  period              = each.value.minutes * 60
  evaluation_periods  = try(each.value.times, 1)
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}
