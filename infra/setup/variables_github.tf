variable "github_repository" {
  description = "GitHub repository, OWNER/NAME, whose workflows get roles to plan, apply and deploy this environment; empty makes none. A second region has roles of its own, with the region in their names. The account's identity provider for GitHub is there already."
  type        = string
  default     = ""

  validation {
    condition     = var.github_repository == "" || can(regex("^[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+$", var.github_repository))
    error_message = "github_repository must be empty or OWNER/NAME."
  }
}

variable "github_owner_id" {
  description = "Number of the repository's owner at GitHub; its tokens name repositories made, renamed or transferred since 2026-07-15 with it. `gh api repos/OWNER/NAME --jq .owner.id` tells it. Empty: tokens by name only."
  type        = string
  default     = ""

  validation {
    condition     = var.github_owner_id == "" || can(regex("^[0-9]+$", var.github_owner_id))
    error_message = "github_owner_id must be empty or a number."
  }

  validation {
    condition     = (var.github_owner_id == "") == (var.github_repository_id == "") && (var.github_owner_id == "" || var.github_repository != "")
    error_message = "github_owner_id and github_repository_id go together, and with github_repository: the token's subject holds both."
  }
}

variable "github_repository_id" {
  description = "Number of the repository at GitHub; `gh api repos/OWNER/NAME --jq .id` tells it. Goes with github_owner_id."
  type        = string
  default     = ""

  validation {
    condition     = var.github_repository_id == "" || can(regex("^[0-9]+$", var.github_repository_id))
    error_message = "github_repository_id must be empty or a number."
  }
}
