# Production in its home region. Account number, domain and mail address are
# examples: put yours.
environment = "prod"
aws_region  = "us-east-1"

desired_count  = 2
max_count      = 12
on_demand_base = 2
cpu            = 512
memory         = 1024

egress_mode     = "endpoints"
certificate_arn = "arn:aws:acm:us-east-1:111122223333:certificate/0a1b2c3d-0000-4000-8000-0123456789ab"
domain_name     = "sensors.example.com"

# A cluster for years of readings; it costs more than everything else together.
enable_redshift = true

write_keys_parameter = "/sensor-backend/prod/write-keys"

log_retention_days = 365
access_log_days    = 365
alert_email        = "oncall@example.com"
monthly_budget     = 700
