# Names: those of the stack beside this one, which the roles here are allowed to touch.

mock_provider "aws" {
  source = "./tests/mocks"
}

run "prod_has_the_names_of_its_runbook" {
  command = plan

  variables {
    project_name = "sensor-backend"
    environment  = "prod"
    aws_region   = "us-east-1"
  }

  assert {
    condition     = local.names == jsondecode(file("tests/names.json"))["sensor-backend prod us-east-1"]
    error_message = "the pipeline knows other names: ${jsonencode(local.names)}"
  }
}

run "prod_in_another_region" {
  command = plan

  variables {
    project_name = "sensor-backend"
    environment  = "prod"
    aws_region   = "eu-central-1"
  }

  assert {
    condition     = local.names == jsondecode(file("tests/names.json"))["sensor-backend prod eu-central-1"]
    error_message = "the pipeline knows other names: ${jsonencode(local.names)}"
  }
}

run "dev" {
  command = plan

  variables {
    project_name = "sensor-backend"
    environment  = "dev"
    aws_region   = "us-east-1"
  }

  assert {
    condition     = local.names == jsondecode(file("tests/names.json"))["sensor-backend dev us-east-1"]
    error_message = "the pipeline knows other names: ${jsonencode(local.names)}"
  }
}

run "the_longest_names" {
  command = plan

  variables {
    project_name = "abcdefghijklmnopqrst"
    environment  = "staging"
    aws_region   = "ap-southeast-4"
  }

  assert {
    condition     = local.names == jsondecode(file("tests/names.json"))["abcdefghijklmnopqrst staging ap-southeast-4"]
    error_message = "the pipeline knows other names: ${jsonencode(local.names)}"
  }
}
