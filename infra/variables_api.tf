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

variable "on_demand_base" {
  description = "Number of API tasks that never run on Spot capacity, which AWS may take back within two minutes."
  type        = number
  default     = 1

  validation {
    condition     = var.on_demand_base >= 0 && floor(var.on_demand_base) == var.on_demand_base
    error_message = "on_demand_base must be a whole number of at least 0."
  }
}

variable "spot_percent" {
  description = "Share of the API tasks beyond on_demand_base that run on Spot capacity, in percent. Spot costs about a third."
  type        = number
  default     = 75

  validation {
    condition     = var.spot_percent >= 0 && var.spot_percent <= 100 && floor(var.spot_percent) == var.spot_percent
    error_message = "spot_percent must be a whole number from 0 (none on Spot) to 100."
  }
}

variable "requests_per_task" {
  description = "Requests a minute for each task that autoscaling aims at."
  type        = number
  default     = 6000

  validation {
    condition     = var.requests_per_task >= 1
    error_message = "requests_per_task must be at least 1."
  }
}

variable "certificate_arn" {
  description = "ACM certificate of the API's domain in this account and region; the load balancer then serves HTTPS and redirects HTTP to it. Empty: plain HTTP."
  type        = string
  default     = ""

  validation {
    condition     = var.certificate_arn == "" || can(regex("^arn:aws[a-z-]*:acm:[a-z0-9-]+:[0-9]{12}:certificate/[0-9a-f-]+$", var.certificate_arn))
    error_message = "certificate_arn must be empty or the ARN of an ACM certificate: arn:aws:acm:REGION:ACCOUNT:certificate/ID."
  }

  validation {
    condition     = var.certificate_arn != "" || var.environment == "dev" || var.emulated
    error_message = "${var.environment} needs certificate_arn: plain HTTP would carry readings and keys in the clear."
  }
}

variable "domain_name" {
  description = "Name that the API is reached by, such as sensors.example.com; the certificate covers it, and its DNS record leads to the load balancer (output load_balancer_dns_name). Goes with certificate_arn."
  type        = string
  default     = ""

  validation {
    condition     = var.domain_name == "" || can(regex("^([a-z0-9]([a-z0-9-]*[a-z0-9])?\\.)+[a-z]{2,}$", var.domain_name))
    error_message = "domain_name must be empty or a host name such as sensors.example.com."
  }

  validation {
    condition     = (var.domain_name == "") == (var.certificate_arn == "")
    error_message = "certificate_arn and domain_name go together: no certificate covers the load balancer's own name."
  }
}

variable "write_keys_parameter" {
  description = "Name of the SSM SecureString parameter with the SHA-256 sums of the keys that may write, such as /sensor-backend/write-keys. The parameter itself is made by hand, so that it never enters the state. Empty, which staging and prod refuse: everybody may write."
  type        = string
  default     = ""

  validation {
    condition     = var.write_keys_parameter == "" || can(regex("^(/[a-zA-Z0-9_.-]+)+$", var.write_keys_parameter))
    error_message = "write_keys_parameter must be empty or a full parameter name that starts with a slash."
  }

  validation {
    condition     = var.write_keys_parameter != "" || var.environment == "dev" || var.emulated
    error_message = "${var.environment} needs write_keys_parameter: without keys everybody may write through the public load balancer."
  }
}

variable "processor_concurrency" {
  description = "How many files the processor works on at once, reserved of the account's concurrency; -1 reserves none. AWS keeps 100 unreserved, which an account with the initial limit of 10 does not have."
  type        = number
  default     = -1

  validation {
    condition     = var.processor_concurrency == -1 || (var.processor_concurrency >= 1 && floor(var.processor_concurrency) == var.processor_concurrency)
    error_message = "processor_concurrency must be a whole number of at least 1, or -1 for no reservation: 0 would stop the processor."
  }
}

variable "parquet" {
  description = "Whether the processor writes each processed file as Parquet too, beside NDJSON: for whoever queries the bucket."
  type        = bool
  default     = false
}

variable "page_url" {
  description = "Address of the API's page that alerts link to, such as https://sensors.example.com; empty means domain_name, or the load balancer's own name."
  type        = string
  default     = ""

  validation {
    condition     = var.page_url == "" || can(regex("^https?://[a-zA-Z0-9.-]+(:[0-9]+)?(/[^?#\\s]*)?$", var.page_url))
    error_message = "page_url must be empty or an http or https address without query and fragment."
  }
}

variable "otlp_endpoint" {
  description = "Address of an OpenTelemetry collector that takes traces of API and processor by OTLP over HTTPS, such as https://otlp.example.com; empty sends none. Its port is 443, the one that the security groups let out."
  type        = string
  default     = ""

  validation {
    condition     = var.otlp_endpoint == "" || can(regex("^https://[a-zA-Z0-9.-]+(/[^?#\\s]*)?$", var.otlp_endpoint))
    error_message = "otlp_endpoint must be empty or an https address without port, query and fragment."
  }

  validation {
    condition     = var.otlp_endpoint == "" || var.egress_mode == "nat"
    error_message = "otlp_endpoint needs egress_mode = nat: endpoints lead to AWS only."
  }
}
