variable "vpc_cidr" {
  description = "Private address range of the network; a /16 gives each subnet 256 addresses, a /20 the 32 that a load balancer needs."
  type        = string
  default     = "10.0.0.0/16"

  validation {
    condition     = can(cidrnetmask(var.vpc_cidr)) && can(regex("^(10|172\\.(1[6-9]|2[0-9]|3[01])|192\\.168)\\.", var.vpc_cidr)) && try(tonumber(split("/", var.vpc_cidr)[1]) >= 16 && tonumber(split("/", var.vpc_cidr)[1]) <= 20, false)
    error_message = "vpc_cidr must be a private range of size /16 to /20, such as 10.0.0.0/16."
  }
}

variable "zone_count" {
  description = "Availability zones to spread over. A load balancer needs two; interface endpoints and NAT gateways are paid by zone."
  type        = number
  default     = 2

  validation {
    condition     = contains([2, 3], var.zone_count)
    error_message = "zone_count must be 2 or 3."
  }
}

variable "egress_mode" {
  description = "How tasks, which have no public address, reach AWS: endpoints (nothing leaves AWS's network) or nat (cheaper outside production, where one gateway serves all zones, and reaches other hosts too)."
  type        = string
  default     = "endpoints"

  validation {
    condition     = contains(["endpoints", "nat"], var.egress_mode)
    error_message = "egress_mode must be endpoints or nat."
  }
}
