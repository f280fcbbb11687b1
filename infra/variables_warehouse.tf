variable "warehouse_url_parameter" {
  description = "Name of the SSM SecureString parameter with the warehouse's PostgreSQL URL, such as /sensor-backend/warehouse-url; empty turns the warehouse off. The parameter itself is made by hand, so that the URL never enters the state."
  type        = string
  default     = ""

  validation {
    condition     = var.warehouse_url_parameter == "" || can(regex("^(/[a-zA-Z0-9_.-]+)+$", var.warehouse_url_parameter))
    error_message = "warehouse_url_parameter must be empty or a full parameter name that starts with a slash."
  }
}

variable "warehouse_cidrs" {
  description = "Address ranges of a PostgreSQL warehouse the API tasks may reach on port 5432. Redshift made here needs none."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for cidr in var.warehouse_cidrs : can(cidrhost(cidr, 0)) && !endswith(cidr, "/0")])
    error_message = "warehouse_cidrs must be address ranges such as 10.20.0.0/24, and not the whole internet."
  }

  # Inside the network, or on the internet behind a NAT gateway: there is no
  # route to any other private network.
  validation {
    condition = alltrue([
      for cidr in var.warehouse_cidrs :
      try(cidrhost("${cidrhost(cidr, 0)}/${split("/", var.vpc_cidr)[1]}", 0) == cidrhost(var.vpc_cidr, 0), false) ||
      (var.egress_mode == "nat" && !can(regex("^(10|172\\.(1[6-9]|2[0-9]|3[01])|192\\.168)\\.", cidr)))
    ])
    error_message = "warehouse_cidrs must lie inside vpc_cidr, or be public with egress_mode = nat: no route leads anywhere else."
  }
}

variable "enable_redshift" {
  description = "Whether to make a Redshift cluster as the warehouse. It costs more than everything else together."
  type        = bool
  default     = false
}

variable "redshift_node_type" {
  description = "Size of a Redshift node."
  type        = string
  default     = "ra3.large"

  validation {
    condition     = contains(["ra3.large", "ra3.xlplus", "ra3.4xlarge", "ra3.16xlarge"], var.redshift_node_type)
    error_message = "redshift_node_type must be ra3.large, ra3.xlplus, ra3.4xlarge or ra3.16xlarge."
  }
}

variable "redshift_nodes" {
  description = "Number of Redshift nodes; 1 makes a single-node cluster."
  type        = number
  default     = 1

  validation {
    condition     = var.redshift_nodes >= 1 && var.redshift_nodes <= 16 && floor(var.redshift_nodes) == var.redshift_nodes
    error_message = "redshift_nodes must be a whole number from 1 to 16."
  }
}
