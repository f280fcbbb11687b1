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
  description = "Which copy of the system this is: dev, staging or prod. prod is protected against deletion."
  type        = string
  default     = "dev"

  validation {
    condition     = contains(["dev", "staging", "prod"], var.environment)
    error_message = "environment must be dev, staging or prod."
  }
}

variable "aws_region" {
  description = "AWS region everything is created in."
  type        = string
  default     = "us-east-1"

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[1-9]$", var.aws_region))
    error_message = "aws_region must be the name of an AWS region, such as us-east-1."
  }
}

variable "api_image" {
  description = "Image of the first task definition, by digest if possible; empty means the repository's latest. Later deployments change the image without Terraform."
  type        = string
  default     = ""

  validation {
    condition     = var.api_image == "" || can(regex("^[^\\s@]+(:[\\w][\\w.-]{0,127}|@sha256:[0-9a-f]{64})$", var.api_image))
    error_message = "api_image must be empty or an image reference with a tag or a sha256 digest."
  }
}

variable "processor_zip" {
  description = "Path of the zip the Lambda function is created with. Later deployments change the code without Terraform, which then does not read the file."
  type        = string
  default     = "processor.zip"

  validation {
    condition     = endswith(var.processor_zip, ".zip")
    error_message = "processor_zip must be the path of a .zip file; `dagger call package-lambda` makes one."
  }
}

variable "architecture" {
  description = "Processor architecture the image and the zip were built for: ARM64 (cheaper) or X86_64."
  type        = string
  default     = "ARM64"

  validation {
    condition     = contains(["ARM64", "X86_64"], var.architecture)
    error_message = "architecture must be ARM64 or X86_64."
  }
}

variable "deletion_protection" {
  description = "Whether buckets, table, images and load balancer refuse to be destroyed; null means in prod only. To destroy prod, apply with false first."
  type        = bool
  default     = null
}

variable "emulated" {
  description = "Whether the target is an emulated AWS, which knows buckets by path and not by host name, and speaks plain HTTP."
  type        = bool
  default     = false
}
