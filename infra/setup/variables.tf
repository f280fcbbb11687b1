variable "project_name" {
  description = "Short name that starts the name of every resource."
  type        = string
  default     = "sensor-backend"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,18}[a-z0-9]$", var.project_name))
    error_message = "project_name must be 2 to 20 lower-case letters, digits or hyphens, starting with a letter and not ending with a hyphen: bucket and load balancer names are built from it."
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

variable "aws_region" {
  description = "AWS region that the roles may work in."
  type        = string
  default     = "us-east-1"

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[1-9]$", var.aws_region))
    error_message = "aws_region must be the name of an AWS region, such as us-east-1."
  }
}

variable "emulated" {
  description = "Whether the target is an emulated AWS, which knows buckets by path and not by host name."
  type        = bool
  default     = false
}
