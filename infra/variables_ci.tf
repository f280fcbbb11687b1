variable "github_repository" {
  description = "GitHub repository, OWNER/NAME, whose workflows get roles to plan, apply and deploy this environment; empty makes none. Set it in one region only: the roles are the account's."
  type        = string
  default     = ""

  validation {
    condition     = var.github_repository == "" || can(regex("^[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+$", var.github_repository))
    error_message = "github_repository must be empty or OWNER/NAME."
  }
}

variable "github_oidc_provider_arn" {
  description = "The account's identity provider for GitHub Actions, of which it can have only one; empty makes it."
  type        = string
  default     = ""

  validation {
    condition     = var.github_oidc_provider_arn == "" || can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:oidc-provider/token\\.actions\\.githubusercontent\\.com$", var.github_oidc_provider_arn))
    error_message = "github_oidc_provider_arn must be empty or arn:aws:iam::ACCOUNT:oidc-provider/token.actions.githubusercontent.com."
  }
}

variable "deploy_branches" {
  description = "Branches, beside main and release tags on main, from which a dispatch may deploy to this environment. prod is deployed from no other unless they are named here; any branch deploys to another environment unless some are. The pipeline reads it before it starts."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for branch in var.deploy_branches : can(regex("^[A-Za-z0-9._/-]+$", branch))])
    error_message = "deploy_branches must hold names of branches, without refs/heads/."
  }
}
