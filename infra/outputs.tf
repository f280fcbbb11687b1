output "region" {
  description = "AWS region everything lives in."
  value       = var.aws_region
}

output "ecr_repository_url" {
  description = "Where the API's image is pushed: registry host and repository, without a tag."
  value       = aws_ecr_repository.api.repository_url
}

output "ecr_repository_name" {
  description = "Name of the image repository, as the ECR API wants it."
  value       = aws_ecr_repository.api.name
}

output "ecs_cluster" {
  description = "Name of the ECS cluster."
  value       = aws_ecs_cluster.main.name
}

output "ecs_service" {
  description = "Name of the API's ECS service."
  value       = aws_ecs_service.api.name
}

output "ecs_task_family" {
  description = "Task definition family that deployments add revisions to."
  value       = aws_ecs_task_definition.api.family
}

output "api_container" {
  description = "Name of the container whose image a deployment changes."
  value       = local.api_container
}

output "load_balancer_dns_name" {
  description = "Host name of the load balancer."
  value       = aws_lb.api.dns_name
}

output "api_url" {
  description = "Where the API answers."
  value       = local.api_url
}

output "source_bucket" {
  description = "Bucket sensor files are dropped in, under incoming/."
  value       = aws_s3_bucket.data["source"].bucket
}

output "processed_bucket" {
  description = "Bucket the processor writes to: processed/ and quarantine/."
  value       = aws_s3_bucket.data["processed"].bucket
}

output "metadata_table" {
  description = "DynamoDB table with one row for each processed object."
  value       = aws_dynamodb_table.metadata.name
}

output "alerts_topic_arn" {
  description = "SNS topic that anomalies are published to."
  value       = aws_sns_topic.alerts.arn
}

output "failed_events_queue_url" {
  description = "SQS queue with the S3 events the processor failed on three times."
  value       = aws_sqs_queue.failed_events.url
}

output "lambda_function" {
  description = "Name of the processor's Lambda function."
  value       = aws_lambda_function.processor.function_name
}

output "lambda_alias" {
  description = "Alias that S3 invokes and deployments move."
  value       = aws_lambda_alias.prod.name
}

output "api_log_group" {
  description = "CloudWatch log group of the API's tasks."
  value       = aws_cloudwatch_log_group.api.name
}

output "processor_log_group" {
  description = "CloudWatch log group of the processor."
  value       = aws_cloudwatch_log_group.processor.name
}

output "logs_bucket" {
  description = "Bucket that AWS writes access logs and flow logs to."
  value       = aws_s3_bucket.logs.bucket
}

output "alarms_topic_arn" {
  description = "SNS topic that alarms and the budget are published to."
  value       = aws_sns_topic.alarms.arn
}

output "dashboard" {
  description = "Name of the CloudWatch dashboard."
  value       = aws_cloudwatch_dashboard.main.dashboard_name
}

output "key_arn" {
  description = "KMS key that everything is encrypted with."
  value       = aws_kms_key.main.arn
}

output "redshift_endpoint" {
  description = "Host and port of the Redshift warehouse; empty without one."
  value       = var.enable_redshift ? aws_redshift_cluster.warehouse[0].endpoint : ""
}

output "redshift_admin_secret_arn" {
  description = "Secrets Manager secret with the password of Redshift's administrator, which AWS made; empty without a warehouse."
  value       = var.enable_redshift ? aws_redshift_cluster.warehouse[0].master_password_secret_arn : ""
}
