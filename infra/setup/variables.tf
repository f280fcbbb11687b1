variable "project" {
  description = "Short name that starts the name of every resource."
  type        = string
  default     = "sensor"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,10}[a-z0-9]$", var.project))
    error_message = "project must be 2 to 12 lower-case letters, digits or hyphens, starting with a letter and not ending with a hyphen: bucket and load balancer names are built from it."
  }
}

variable "environment" {
  description = "Environment that the roles are for: dev, staging or prod."
  type        = string
  default     = "dev"

  validation {
    condition     = contains(["dev", "staging", "prod"], var.environment)
    error_message = "environment must be dev, staging or prod."
  }
}

variable "region" {
  description = "AWS region that the roles may work in."
  type        = string
  default     = "eu-central-1"

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[1-9]$", var.region))
    error_message = "region must be the name of an AWS region, such as eu-central-1."
  }
}

variable "emulated" {
  description = "Whether the target is an emulated AWS, which knows buckets by path and not by host name."
  type        = bool
  default     = false
}
