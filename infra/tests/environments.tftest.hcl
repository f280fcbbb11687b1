# The variable file given with -var-file, planned as it is. The pipeline checks
# this plan against the policy and prices it.

mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan # the policy reads documents made of other resources' names
}

variables {
  processor_zip = "processor.zip"
}

run "plan" {
  command = plan
}
