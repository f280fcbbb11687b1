locals {
  # Title, then metrics as CloudWatch writes them: namespace, name, dimensions
  # by turns, and how to draw it.
  dashboard_graphs = [
    ["API: requests a minute", [
      ["AWS/ApplicationELB", "RequestCount", "LoadBalancer", aws_lb.api.arn_suffix, { stat = "Sum" }],
    ]],
    ["API: latency in seconds", [
      for stat in ["p50", "p99"] :
      ["AWS/ApplicationELB", "TargetResponseTime", "LoadBalancer", aws_lb.api.arn_suffix, { stat = stat, label = stat }]
    ]],
    ["API: errors", [
      for name in ["HTTPCode_Target_5XX_Count", "HTTPCode_ELB_5XX_Count", "HTTPCode_Target_4XX_Count"] :
      ["AWS/ApplicationELB", name, "LoadBalancer", aws_lb.api.arn_suffix, { stat = "Sum" }]
    ]],
    ["API: CPU and memory in percent", [
      for name in ["CPUUtilization", "MemoryUtilization"] :
      ["AWS/ECS", name, "ClusterName", aws_ecs_cluster.main.name, "ServiceName", aws_ecs_service.api.name, { stat = "Average" }]
    ]],
    ["Processor: duration in milliseconds", [
      for stat in ["p50", "p99", "Maximum"] :
      ["AWS/Lambda", "Duration", "FunctionName", aws_lambda_function.processor.function_name, { stat = stat, label = stat }]
    ]],
    ["Processor: invocations, errors, throttles", [
      for name in ["Invocations", "Errors", "Throttles"] :
      ["AWS/Lambda", name, "FunctionName", aws_lambda_function.processor.function_name, { stat = "Sum" }]
    ]],
    ["Events given up: depth and age of the queue", [
      ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", aws_sqs_queue.failed_events.name, { stat = "Maximum" }],
      ["AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", aws_sqs_queue.failed_events.name, { stat = "Maximum", yAxis = "right" }],
    ]],
    ["Buckets: bytes stored", [
      for purpose, bucket in aws_s3_bucket.data :
      ["AWS/S3", "BucketSizeBytes", "BucketName", bucket.bucket, "StorageType", "StandardStorage", { stat = "Average", period = 86400, label = purpose }]
    ]],
    ["Buckets: requests", [
      for purpose, bucket in aws_s3_bucket.data :
      ["AWS/S3", "AllRequests", "BucketName", bucket.bucket, "FilterId", "all", { stat = "Sum", label = purpose }]
    ]],
  ]
}

resource "aws_cloudwatch_dashboard" "main" {
  dashboard_name = local.global_name

  dashboard_body = jsonencode({
    widgets = [
      for i, graph in local.dashboard_graphs : {
        type   = "metric"
        x      = (i % 3) * 8
        y      = floor(i / 3) * 6
        width  = 8
        height = 6
        properties = {
          title   = graph[0]
          region  = var.aws_region
          period  = 60
          view    = "timeSeries"
          metrics = graph[1]
        }
      }
    ]
  })
}
