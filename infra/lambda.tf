locals {
  # The longest Lambda offers, in seconds: a file of 1 GiB takes minutes, and a
  # short one is charged for its own time only.
  processor_timeout = 15 * 60

  page_url = var.page_url != "" ? var.page_url : local.api_url
}

resource "aws_lambda_function" "processor" {
  function_name = local.names.function
  role          = aws_iam_role.processor.arn
  runtime       = "provided.al2023"
  handler       = "bootstrap"
  architectures = [var.architecture == "ARM64" ? "arm64" : "x86_64"]
  memory_size   = 256
  timeout       = local.processor_timeout
  filename      = var.processor_zip
  publish       = true
  kms_key_arn   = aws_kms_key.main.arn

  # A flood of files waits in Lambda's own queue instead of taking the
  # account's whole concurrency, and DynamoDB and SNS with it.
  reserved_concurrent_executions = var.processor_concurrency

  environment {
    variables = merge(local.tracing, {
      ALERTS_TOPIC_ARN = aws_sns_topic.alerts.arn
      METADATA_TABLE   = aws_dynamodb_table.metadata.name
      PAGE_URL         = local.page_url
      PARQUET          = tostring(var.parquet)
      PROCESSED_BUCKET = aws_s3_bucket.data["processed"].bucket
    })
  }

  # An emulated Lambda forgets the setting, and every plan would set it again:
  # there a failure destination fills the same queue.
  dynamic "dead_letter_config" {
    for_each = var.emulated ? [] : [aws_sqs_queue.failed_events.arn]

    content {
      target_arn = dead_letter_config.value
    }
  }

  tracing_config {
    mode = "Active"
  }

  # The log group has to be there first, or Lambda makes one that never expires.
  depends_on = [aws_cloudwatch_log_group.processor, aws_iam_role_policy.processor]

  # Deployments bring the code.
  lifecycle {
    ignore_changes = [filename, source_code_hash]
  }
}

resource "aws_lambda_alias" "prod" {
  name             = "PROD"
  description      = "The version in use; deployments move it"
  function_name    = aws_lambda_function.processor.function_name
  function_version = aws_lambda_function.processor.version

  lifecycle {
    ignore_changes = [function_version, routing_config]
  }
}

resource "aws_lambda_permission" "source_bucket" {
  statement_id   = "AllowSourceBucket"
  action         = "lambda:InvokeFunction"
  function_name  = aws_lambda_function.processor.function_name
  qualifier      = aws_lambda_alias.prod.name
  principal      = "s3.amazonaws.com"
  source_arn     = aws_s3_bucket.data["source"].arn
  source_account = local.account_id
}

resource "aws_lambda_function_event_invoke_config" "processor" {
  function_name                = aws_lambda_function.processor.function_name
  qualifier                    = aws_lambda_alias.prod.name
  maximum_retry_attempts       = 2
  maximum_event_age_in_seconds = 6 * 60 * 60 # three tries of the longest kind, and the wait for a free place

  dynamic "destination_config" {
    for_each = var.emulated ? [aws_sqs_queue.failed_events.arn] : []

    content {
      on_failure {
        destination = destination_config.value
      }
    }
  }
}

# An event that failed three times is kept here to be looked at and sent again.
resource "aws_sqs_queue" "failed_events" {
  name                              = "${local.name}-failed-events"
  message_retention_seconds         = 14 * 24 * 60 * 60
  kms_master_key_id                 = aws_kms_key.main.arn
  kms_data_key_reuse_period_seconds = 60 * 60
}
