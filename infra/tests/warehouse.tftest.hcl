# The optional warehouse.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  environment   = "staging"
  processor_zip = "processor.zip"
}

run "no_redshift_unless_asked" {
  assert {
    condition     = length(aws_redshift_cluster.warehouse) == 0 && output.redshift_endpoint == ""
    error_message = "the most expensive part must be asked for"
  }
}

run "redshift_is_private_and_encrypted" {
  variables {
    enable_redshift = true
  }

  assert {
    condition = (
      !aws_redshift_cluster.warehouse[0].publicly_accessible && aws_redshift_cluster.warehouse[0].enhanced_vpc_routing &&
      aws_redshift_subnet_group.warehouse[0].subnet_ids == toset(aws_subnet.private[*].id)
    )
    error_message = "the warehouse must stay inside the private subnets"
  }

  assert {
    condition     = aws_redshift_cluster.warehouse[0].encrypted && aws_redshift_cluster.warehouse[0].kms_key_id == aws_kms_key.main.arn
    error_message = "the warehouse must be encrypted with the key"
  }

  assert {
    condition     = aws_redshift_cluster.warehouse[0].manage_master_password && aws_redshift_cluster.warehouse[0].master_password == null
    error_message = "the administrator's password must be AWS's, and never in the state"
  }

  assert {
    condition     = contains([for p in aws_redshift_parameter_group.warehouse[0].parameter : "${p.name}=${p.value}"], "require_ssl=true")
    error_message = "the warehouse must refuse connections without TLS"
  }

  assert {
    condition     = aws_vpc_security_group_ingress_rule.warehouse_from_api[0].referenced_security_group_id == aws_security_group.api.id
    error_message = "only the tasks may reach the warehouse"
  }

  assert {
    condition     = aws_redshift_logging.warehouse[0].log_destination_type == "cloudwatch"
    error_message = "logins and queries must be logged"
  }
}

run "redshift_survives_a_destroy_in_production" {
  variables {
    environment     = "prod"
    enable_redshift = true
    redshift_nodes  = 2
  }

  assert {
    condition     = !aws_redshift_cluster.warehouse[0].skip_final_snapshot && aws_redshift_cluster.warehouse[0].cluster_type == "multi-node"
    error_message = "in prod a destroy must leave a snapshot"
  }
}
