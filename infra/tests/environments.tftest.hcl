# The variable file given with -var-file, planned as it is. The pipeline checks
# this plan against the policy and prices it.

mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan # the policy reads documents made of other resources' names
}

# Known only after an apply; with it the policy reads the containers too.
override_resource {
  target          = terraform_data.api_image
  override_during = plan
  values          = { output = "111122223333.dkr.ecr.us-east-1.amazonaws.com/api:latest" }
}

variables {
  processor_zip = "processor.zip"
}

run "plan" {
  command = plan
}
