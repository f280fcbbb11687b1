variable "log_retention_days" {
  description = "Days the logs of the API and the processor are kept."
  type        = number
  default     = 30

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731], var.log_retention_days)
    error_message = "log_retention_days must be one of CloudWatch's periods, such as 7, 14, 30, 90 or 365."
  }
}

variable "access_log_days" {
  description = "Days the access logs of load balancer and buckets and the network's flow logs are kept."
  type        = number
  default     = 90

  validation {
    condition     = var.access_log_days >= 1 && floor(var.access_log_days) == var.access_log_days
    error_message = "access_log_days must be a whole number of at least 1."
  }
}

variable "alert_email" {
  description = "Mail address that gets the alarms, once it has confirmed AWS's first mail; empty sends none. A list of people is a mailing list's address."
  type        = string
  default     = ""

  validation {
    condition     = var.alert_email == "" || can(regex("^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$", var.alert_email))
    error_message = "alert_email must be empty or a mail address such as oncall@example.com."
  }
}

variable "alarm_5xx_per_minute" {
  description = "Server errors of the API a minute, three minutes in a row, that raise the alarm and roll a rollout back."
  type        = number
  default     = 5

  validation {
    condition     = var.alarm_5xx_per_minute >= 0
    error_message = "alarm_5xx_per_minute must be 0 or more."
  }
}

variable "monthly_budget" {
  description = "US dollars a month for this environment and region; 80 % spent or 100 % forecast raises an alarm. 0: no budget."
  type        = number
  default     = 0

  validation {
    condition     = var.monthly_budget >= 0
    error_message = "monthly_budget must be 0 or more US dollars."
  }
}
