resource "aws_lambda_function" "processor" {
  function_name = "${local.name}-processor"
  role          = aws_iam_role.processor.arn
  runtime       = "provided.al2023"
  handler       = "bootstrap"
  architectures = [var.architecture == "ARM64" ? "arm64" : "x86_64"]
  memory_size   = 256
  timeout       = 60
  filename      = var.processor_zip
  publish       = true

  environment {
    variables = {
      ALERTS_TOPIC_ARN = aws_sns_topic.alerts.arn
      METADATA_TABLE   = aws_dynamodb_table.metadata.name
      PROCESSED_BUCKET = aws_s3_bucket.data["processed"].bucket
    }
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

resource "aws_s3_bucket_notification" "source" {
  bucket = aws_s3_bucket.data["source"].id

  lambda_function {
    id                  = "processor"
    lambda_function_arn = aws_lambda_alias.prod.arn
    events              = ["s3:ObjectCreated:*"]
    filter_prefix       = "incoming/"
  }

  depends_on = [aws_lambda_permission.source_bucket]
}

# An event that failed three times is kept here to be looked at and sent again.
resource "aws_sqs_queue" "failed_events" {
  name                      = "${local.name}-failed-events"
  message_retention_seconds = 14 * 24 * 60 * 60
  sqs_managed_sse_enabled   = true
}

resource "aws_lambda_function_event_invoke_config" "processor" {
  function_name                = aws_lambda_function.processor.function_name
  qualifier                    = aws_lambda_alias.prod.name
  maximum_retry_attempts       = 2
  maximum_event_age_in_seconds = 60 * 60

  destination_config {
    on_failure {
      destination = aws_sqs_queue.failed_events.arn
    }
  }
}

# AWS's own key encrypts the topic at no cost. It lets any principal of this
# account publish that IAM allows to, but no CloudWatch alarm.
resource "aws_sns_topic" "alerts" {
  name              = "${local.name}-alerts"
  kms_master_key_id = "alias/aws/sns"
}
