resource "aws_cloudwatch_log_group" "api" {
  name              = local.names.api_logs
  retention_in_days = var.log_retention_days
  kms_key_id        = aws_kms_key.main.arn
}

resource "aws_cloudwatch_log_group" "processor" {
  name              = local.names.function_logs
  retention_in_days = var.log_retention_days
  kms_key_id        = aws_kms_key.main.arn
}
