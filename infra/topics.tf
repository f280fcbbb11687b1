# Two topics for two audiences: what the sensors do, and what the system does.

locals {
  topics = { alerts = "Anomalies in the readings", alarms = "Alarms about the system" }
}

resource "aws_sns_topic" "alerts" {
  name              = "${local.name}-alerts"
  display_name      = local.topics.alerts
  kms_master_key_id = aws_kms_key.main.arn
}

resource "aws_sns_topic" "alarms" {
  name              = "${local.name}-alarms"
  display_name      = local.topics.alarms
  kms_master_key_id = aws_kms_key.main.arn
}

resource "aws_sns_topic_policy" "alarms" {
  arn = aws_sns_topic.alarms.arn

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "AlarmsAndBudgetOfThisAccount"
        Effect    = "Allow"
        Principal = { Service = ["cloudwatch.amazonaws.com", "budgets.amazonaws.com"] }
        Action    = "sns:Publish"
        Resource  = aws_sns_topic.alarms.arn
        Condition = local.from_account
      },
    ]
  })
}

# AWS asks the address to confirm before it sends anything else.
resource "aws_sns_topic_subscription" "alert_email" {
  count = var.alert_email == "" ? 0 : 1

  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "email"
  endpoint  = var.alert_email
}
