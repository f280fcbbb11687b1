# The optional warehouse.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  environment          = "staging"
  processor_zip        = "processor.zip"
  write_keys_parameter = "/sensor-backend/write-keys"
  certificate_arn      = "arn:aws:acm:us-east-1:111122223333:certificate/0a1b2c3d-0000-4000-8000-0123456789ab"
  domain_name          = "sensors.example.com"
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

run "redshift_logs_into_groups_of_ours" {
  variables {
    enable_redshift    = true
    log_retention_days = 14
  }

  assert {
    condition = (
      toset(aws_redshift_logging.warehouse[0].log_exports) == toset(keys(aws_cloudwatch_log_group.warehouse)) &&
      alltrue([
        for export, group in aws_cloudwatch_log_group.warehouse :
        group.name == "/aws/redshift/cluster/${aws_redshift_cluster.warehouse[0].cluster_identifier}/${export}" &&
        group.retention_in_days == 14 && group.kms_key_id == aws_kms_key.main.arn
      ])
    )
    error_message = "every log of the warehouse needs a group with a key and an end, of the name that Redshift writes to"
  }
}

run "redshift_loads_what_the_api_stages" {
  variables {
    enable_redshift = true
  }

  assert {
    condition = {
      for each in jsondecode(aws_ecs_task_definition.api.container_definitions)[0].environment : each.name => each.value
      if startswith(each.name, "REDSHIFT_")
      } == {
      REDSHIFT_COPY_ROLE_ARN  = aws_iam_role.warehouse[0].arn
      REDSHIFT_STAGING_BUCKET = aws_s3_bucket.data["source"].bucket
    }
    error_message = "the API must be told where to stage and which role loads"
  }

  assert {
    condition     = aws_redshift_cluster.warehouse[0].iam_roles == toset([aws_iam_role.warehouse[0].arn])
    error_message = "the cluster must have the role"
  }

  assert {
    condition = (
      jsondecode(aws_iam_role_policy.task.policy).Statement[0].Resource == ["arn:aws:s3:::bucket/incoming/*", "arn:aws:s3:::bucket/staging/*"] &&
      [for statement in jsondecode(aws_iam_role_policy.warehouse[0].policy).Statement : statement.Action] == [["s3:GetObject"], ["s3:ListBucket"], ["kms:Decrypt"]] &&
      jsondecode(aws_iam_role_policy.warehouse[0].policy).Statement[0].Resource == "arn:aws:s3:::bucket/staging/*"
    )
    error_message = "the API must be able to stage, and Redshift to read just that"
  }

  assert {
    condition     = jsondecode(aws_iam_role.warehouse[0].assume_role_policy).Statement[0].Condition.StringLike["sts:ExternalId"] == "arn:aws:redshift:us-east-1:111122223333:dbuser:sensor-backend-staging-warehouse/*"
    error_message = "only this cluster may take the role"
  }

  assert {
    condition = anytrue([
      for rule in aws_s3_bucket_lifecycle_configuration.data["source"].rule : rule.filter[0].prefix == "staging/" && rule.expiration[0].days == 1
      if length(rule.expiration) > 0
    ])
    error_message = "what was staged must not stay"
  }
}

run "nothing_is_staged_without_redshift" {
  assert {
    condition = (
      length(aws_iam_role.warehouse) == 0 && jsondecode(aws_iam_role_policy.task.policy).Statement[0].Resource == ["arn:aws:s3:::bucket/incoming/*"] &&
      !strcontains(aws_ecs_task_definition.api.container_definitions, "REDSHIFT_")
    )
    error_message = "without Redshift the API must not be able to stage"
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
