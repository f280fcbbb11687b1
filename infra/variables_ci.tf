variable "deploy_branches" {
  description = "Branches, beside main and release tags on main, from which a dispatch may deploy to this environment. prod is deployed from no other unless they are named here; any branch deploys to another environment unless some are. The pipeline reads it before it starts."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for branch in var.deploy_branches : can(regex("^[A-Za-z0-9._/-]+$", branch))])
    error_message = "deploy_branches must hold names of branches, without refs/heads/."
  }
}
