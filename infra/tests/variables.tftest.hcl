# What the variables accept and refuse. No credentials, no network.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  processor_zip        = "processor.zip"
  write_keys_parameter = "/sensor-backend/write-keys"
}

run "refuses_an_unknown_environment" {
  command = plan

  variables {
    environment = "production"
  }

  expect_failures = [var.environment]
}

run "refuses_a_region_that_is_no_region" {
  command = plan

  variables {
    aws_region = "frankfurt"
  }

  expect_failures = [var.aws_region]
}

run "accepts_a_government_region" {
  command = plan

  variables {
    aws_region = "us-gov-west-1"
  }
}

run "refuses_a_project_name_too_long_for_bucket_names" {
  command = plan

  variables {
    project_name = "abcdefghijklmnopqrstu"
  }

  expect_failures = [var.project_name]
}

run "refuses_code_that_is_no_zip" {
  command = plan

  variables {
    processor_zip = "bootstrap"
  }

  expect_failures = [var.processor_zip]
}

run "refuses_an_image_without_tag_or_digest" {
  command = plan

  variables {
    api_image = "registry.example.com/api"
  }

  expect_failures = [var.api_image]
}

run "refuses_a_parameter_name_without_a_slash" {
  command = plan

  variables {
    warehouse_url_parameter = "warehouse-url"
  }

  expect_failures = [var.warehouse_url_parameter]
}

run "refuses_memory_fargate_does_not_offer" {
  command = plan

  variables {
    cpu    = 1024
    memory = 1024
  }

  expect_failures = [var.memory]
}

run "refuses_a_ceiling_below_the_floor" {
  command = plan

  variables {
    desired_count = 3
    max_count     = 2
  }

  expect_failures = [var.max_count]
}

run "refuses_an_architecture_lambda_does_not_know" {
  command = plan

  variables {
    architecture = "arm64"
  }

  expect_failures = [var.architecture]
}

run "refuses_a_certificate_that_is_no_arn" {
  command = plan

  variables {
    certificate_arn = "api.example.com"
  }

  expect_failures = [var.certificate_arn]
}

run "refuses_a_collector_that_the_security_groups_bar" {
  command = plan

  variables {
    otlp_endpoint = "http://collector:4318"
  }

  expect_failures = [var.otlp_endpoint]
}

run "refuses_a_page_that_is_no_address" {
  command = plan

  variables {
    page_url = "sensors.example.com"
  }

  expect_failures = [var.page_url]
}

run "refuses_a_share_over_100_percent" {
  command = plan

  variables {
    spot_percent = 101
  }

  expect_failures = [var.spot_percent]
}

run "refuses_a_negative_base" {
  command = plan

  variables {
    on_demand_base = -1
  }

  expect_failures = [var.on_demand_base]
}

run "refuses_to_scale_on_no_requests" {
  command = plan

  variables {
    requests_per_task = 0
  }

  expect_failures = [var.requests_per_task]
}

run "refuses_to_stop_the_processor" {
  command = plan

  variables {
    processor_concurrency = 0
  }

  expect_failures = [var.processor_concurrency]
}

run "accepts_an_account_without_concurrency_to_reserve" {
  command = plan

  variables {
    processor_concurrency = -1
  }
}

run "refuses_a_warehouse_that_is_the_whole_internet" {
  command = plan

  variables {
    warehouse_cidrs = ["0.0.0.0/0"]
  }

  expect_failures = [var.warehouse_cidrs]
}

run "refuses_a_redshift_node_that_is_not_sold" {
  command = plan

  variables {
    redshift_node_type = "dc2.large"
  }

  expect_failures = [var.redshift_node_type]
}

run "refuses_no_redshift_nodes" {
  command = plan

  variables {
    redshift_nodes = 0
  }

  expect_failures = [var.redshift_nodes]
}

run "refuses_a_public_network" {
  command = plan

  variables {
    vpc_cidr = "8.8.0.0/16"
  }

  expect_failures = [var.vpc_cidr]
}

run "refuses_a_single_zone" {
  command = plan

  variables {
    zone_count = 1
  }

  expect_failures = [var.zone_count]
}

run "refuses_an_unknown_way_out" {
  command = plan

  variables {
    egress_mode = "public"
  }

  expect_failures = [var.egress_mode]
}

run "refuses_a_retention_cloudwatch_does_not_offer" {
  command = plan

  variables {
    log_retention_days = 8
  }

  expect_failures = [var.log_retention_days]
}

run "refuses_no_access_logs_at_all" {
  command = plan

  variables {
    access_log_days = 0
  }

  expect_failures = [var.access_log_days]
}

run "refuses_what_is_no_mail_address" {
  command = plan

  variables {
    alert_email = "oncall"
  }

  expect_failures = [var.alert_email]
}

run "refuses_a_negative_threshold" {
  command = plan

  variables {
    alarm_5xx_per_minute = -1
  }

  expect_failures = [var.alarm_5xx_per_minute]
}

run "refuses_a_negative_budget" {
  command = plan

  variables {
    monthly_budget = -1
  }

  expect_failures = [var.monthly_budget]
}

run "refuses_http_in_staging" {
  command = plan

  variables {
    environment = "staging"
  }

  expect_failures = [var.certificate_arn]
}

run "refuses_prod_without_keys" {
  command = plan

  variables {
    environment          = "prod"
    certificate_arn      = "arn:aws:acm:us-east-1:111122223333:certificate/0a1b2c3d-0000-4000-8000-0123456789ab"
    domain_name          = "sensors.example.com"
    write_keys_parameter = ""
  }

  expect_failures = [var.write_keys_parameter]
}

run "refuses_a_domain_without_a_certificate" {
  command = plan

  variables {
    domain_name = "sensors.example.com"
  }

  expect_failures = [var.domain_name]
}

run "refuses_a_collector_without_a_way_out" {
  command = plan

  variables {
    otlp_endpoint = "https://otlp.example.com"
    egress_mode   = "endpoints"
  }

  expect_failures = [var.otlp_endpoint]
}

run "refuses_a_warehouse_without_a_route" {
  command = plan

  variables {
    warehouse_cidrs = ["10.20.0.0/24"]
    egress_mode     = "nat"
  }

  expect_failures = [var.warehouse_cidrs]
}
