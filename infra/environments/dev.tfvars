# Development: cheap before safe. See exceptions.json for what that gives up.
environment = "dev"
aws_region  = "us-east-1"

desired_count  = 1
max_count      = 2
on_demand_base = 1
spot_percent   = 100

egress_mode        = "nat"
log_retention_days = 14
access_log_days    = 30
monthly_budget     = 130

write_keys_parameter = "/sensor-backend/dev/write-keys"
