# What the variables accept and refuse. No credentials, no network.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  processor_zip = "processor.zip"
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
    region = "frankfurt"
  }

  expect_failures = [var.region]
}

run "accepts_a_government_region" {
  command = plan

  variables {
    region = "us-gov-west-1"
  }
}

run "refuses_a_project_name_too_long_for_bucket_names" {
  command = plan

  variables {
    project = "sensor-backend"
  }

  expect_failures = [var.project]
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
