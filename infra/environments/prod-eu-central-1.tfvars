# Production in a second region: its own network, data, state and roles.
environment = "prod"
aws_region  = "eu-central-1"

desired_count  = 2
max_count      = 12
on_demand_base = 2
cpu            = 512
memory         = 1024

vpc_cidr        = "10.1.0.0/16"
zone_count      = 3
egress_mode     = "endpoints"
certificate_arn = "arn:aws:acm:eu-central-1:111122223333:certificate/9f8e7d6c-0000-4000-8000-ba9876543210"
domain_name     = "eu.sensors.example.com"

write_keys_parameter = "/sensor-backend/prod/write-keys"

log_retention_days = 365
access_log_days    = 365
alert_email        = "oncall@example.com"
monthly_budget     = 400
