# Staging: shaped like production, sized like development.
environment = "staging"
region      = "eu-central-1"

desired_count = 1
max_count     = 4

egress_mode        = "endpoints"
log_retention_days = 30
access_log_days    = 30
monthly_budget     = 150
