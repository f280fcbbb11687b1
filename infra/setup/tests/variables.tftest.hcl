# Variables: what cannot be right is refused before anything is made.

mock_provider "aws" {
  source = "./tests/mocks"
}

run "refuses_a_repository_without_an_owner" {
  command = plan

  variables {
    github_repository = "name"
  }

  expect_failures = [var.github_repository]
}

run "refuses_one_id_of_two" {
  command = plan

  variables {
    github_repository = "owner/name"
    github_owner_id   = "12"
  }

  expect_failures = [var.github_owner_id]
}

run "refuses_an_id_that_is_not_a_number" {
  command = plan

  variables {
    github_repository    = "owner/name"
    github_owner_id      = "12"
    github_repository_id = "name"
  }

  expect_failures = [var.github_repository_id]
}
