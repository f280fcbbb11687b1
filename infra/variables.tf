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
  description = "Which copy of the system this is: dev, staging or prod. prod is protected against deletion."
  type        = string
  default     = "dev"

  validation {
    condition     = contains(["dev", "staging", "prod"], var.environment)
    error_message = "environment must be dev, staging or prod."
  }
}

variable "region" {
  description = "AWS region everything is created in."
  type        = string
  default     = "eu-central-1"

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[1-9]$", var.region))
    error_message = "region must be the name of an AWS region, such as eu-central-1."
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
  description = "Path of the zip the Lambda function is created with. Later deployments change the code without Terraform."
  type        = string

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

variable "warehouse_url_parameter" {
  description = "Name of the SSM SecureString parameter with the warehouse's PostgreSQL URL, such as /sensor/warehouse-url; empty turns the warehouse off. The parameter itself is made by hand, so that the URL never enters the state."
  type        = string
  default     = ""

  validation {
    condition     = var.warehouse_url_parameter == "" || can(regex("^(/[a-zA-Z0-9_.-]+)+$", var.warehouse_url_parameter))
    error_message = "warehouse_url_parameter must be empty or a full parameter name that starts with a slash."
  }
}

variable "desired_count" {
  description = "Number of API tasks to start with and never to go below."
  type        = number
  default     = 1

  validation {
    condition     = var.desired_count >= 1 && floor(var.desired_count) == var.desired_count
    error_message = "desired_count must be a whole number of at least 1."
  }
}

variable "max_count" {
  description = "Number of API tasks the service may grow to under load."
  type        = number
  default     = 4

  validation {
    condition     = var.max_count >= var.desired_count && floor(var.max_count) == var.max_count
    error_message = "max_count must be a whole number that is not below desired_count."
  }
}

variable "cpu" {
  description = "CPU units of one API task: 256 is a quarter of a core."
  type        = number
  default     = 256

  validation {
    condition     = contains([256, 512, 1024, 2048, 4096], var.cpu)
    error_message = "cpu must be 256, 512, 1024, 2048 or 4096."
  }
}

variable "memory" {
  description = "Memory of one API task in MiB. Fargate accepts 2 to 8 times the CPU units; the smallest task also 512."
  type        = number
  default     = 512

  validation {
    condition = (
      var.memory == 512 ? var.cpu == 256 :
      var.memory >= 2 * var.cpu && var.memory <= min(8 * var.cpu, 30720) && var.memory % 1024 == 0
    )
    error_message = "memory must be 512 (with cpu 256) or a multiple of 1024 between 2 and 8 times cpu, at most 30720: Fargate offers no other sizes."
  }
}

variable "log_retention_days" {
  description = "Days the logs of the API and the processor are kept."
  type        = number
  default     = 30

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731], var.log_retention_days)
    error_message = "log_retention_days must be one of CloudWatch's periods, such as 7, 14, 30, 90 or 365."
  }
}

variable "emulated" {
  description = "Whether the target is an emulated AWS, which knows buckets by path and not by host name, and speaks plain HTTP."
  type        = bool
  default     = false
}
