# The roles of a repository, planned as setup-backend makes them. The pipeline checks
# this plan against the policy.

mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan # the policy reads documents made of other resources' names
}

variables {
  github_repository = "owner/name"
}

run "plan" {
  command = plan
}
