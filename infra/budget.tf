# Counts what carries this environment's tags; AWS wants both activated as cost
# allocation tags once, in the billing settings of the account.
resource "aws_budgets_budget" "monthly" {
  # An emulated AWS bills nobody.
  count = var.monthly_budget > 0 && !var.emulated ? 1 : 0

  name         = local.global_name
  budget_type  = "COST"
  time_unit    = "MONTHLY"
  limit_amount = tostring(var.monthly_budget)
  limit_unit   = "USD"

  cost_filter {
    name   = "TagKeyValue"
    values = [format("user:Environment$%s", var.environment)]
  }

  cost_filter {
    name   = "Region"
    values = [var.aws_region]
  }

  dynamic "notification" {
    for_each = { ACTUAL = 80, FORECASTED = 100 }

    content {
      notification_type         = notification.key
      comparison_operator       = "GREATER_THAN"
      threshold                 = notification.value
      threshold_type            = "PERCENTAGE"
      subscriber_sns_topic_arns = [aws_sns_topic.alarms.arn]
    }
  }

  depends_on = [aws_sns_topic_policy.alarms]
}
