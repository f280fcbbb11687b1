# Staging: shaped like production, sized like development.
environment = "staging"
aws_region  = "us-east-1"

desired_count = 1
max_count     = 4

egress_mode          = "endpoints"
certificate_arn      = "arn:aws:acm:us-east-1:111122223333:certificate/5d6e7f80-0000-4000-8000-0123456789ab"
domain_name          = "staging.sensors.example.com"
write_keys_parameter = "/sensor-backend/staging/write-keys"

log_retention_days = 30
access_log_days    = 30
monthly_budget     = 150
