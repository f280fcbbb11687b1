output "ci_role_arns" {
  description = "Roles of GitHub Actions by what they may do: plan, apply, deploy; empty without a repository."
  value       = { for name, role in aws_iam_role.ci : name => role.arn }
}

output "boundary_arn" {
  description = "Policy that limits every role of the environment."
  value       = aws_iam_policy.boundary.arn
}

# What was given, so that running this again without them changes nothing.

output "github_repository" {
  description = "Repository whose workflows take the roles; empty for none."
  value       = var.github_repository
}

output "github_owner_id" {
  description = "Number of the repository's owner; empty if its tokens name it by name only."
  value       = var.github_owner_id
}

output "github_repository_id" {
  description = "Number of the repository; empty if its tokens name it by name only."
  value       = var.github_repository_id
}
