# Data at rest and on its way: private, encrypted, versioned, aged, logged.

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

run "buckets_are_private" {
  assert {
    condition = alltrue([
      for block in concat(values(aws_s3_bucket_public_access_block.data), [aws_s3_bucket_public_access_block.logs]) :
      block.block_public_acls && block.block_public_policy && block.ignore_public_acls && block.restrict_public_buckets
    ])
    error_message = "every bucket must block public access in all four ways"
  }

  assert {
    condition = alltrue([
      for each in [
        aws_s3_bucket_lifecycle_configuration.data, aws_s3_bucket_logging.data, aws_s3_bucket_ownership_controls.data,
        aws_s3_bucket_policy.data, aws_s3_bucket_public_access_block.data,
        aws_s3_bucket_server_side_encryption_configuration.data, aws_s3_bucket_versioning.data,
      ] : keys(each) == keys(aws_s3_bucket.data)
    ])
    error_message = "every bucket must be blocked, TLS-only, encrypted, versioned, aged and logged"
  }
}

run "buckets_refuse_plain_http" {
  assert {
    condition = alltrue([
      for policy in concat(values(aws_s3_bucket_policy.data), [aws_s3_bucket_policy.logs]) : anytrue([
        for statement in jsondecode(policy.policy).Statement :
        statement.Effect == "Deny" && statement.Principal == "*" && try(statement.Condition.Bool["aws:SecureTransport"], "") == "false" &&
        length(statement.Resource) == 2
      ])
    ])
    error_message = "every bucket must deny requests without TLS, for itself and its objects"
  }
}

run "an_emulated_target_is_not_locked_out" {
  variables {
    emulated = true
  }

  assert {
    condition     = length(aws_s3_bucket_policy.data) == 0 && !strcontains(aws_s3_bucket_policy.logs.policy, "SecureTransport")
    error_message = "an emulated AWS speaks plain HTTP only"
  }
}

run "everything_is_under_one_key" {
  assert {
    condition = alltrue([
      for rule in aws_s3_bucket_server_side_encryption_configuration.data :
      one(one(rule.rule).apply_server_side_encryption_by_default).kms_master_key_id == aws_kms_key.main.arn && one(rule.rule).bucket_key_enabled
    ])
    error_message = "data buckets must use the key, and S3's bucket key to keep its requests few"
  }

  assert {
    condition = alltrue([
      for arn in [
        aws_dynamodb_table.metadata.server_side_encryption[0].kms_key_arn, aws_sns_topic.alerts.kms_master_key_id,
        aws_sns_topic.alarms.kms_master_key_id, aws_sqs_queue.failed_events.kms_master_key_id,
        aws_lambda_function.processor.kms_key_arn, aws_ecr_repository.api.encryption_configuration[0].kms_key,
        aws_cloudwatch_log_group.api.kms_key_id, aws_cloudwatch_log_group.processor.kms_key_id,
      ] : arn == aws_kms_key.main.arn
    ])
    error_message = "table, topics, queue, function, images and logs must use the key"
  }

  assert {
    condition     = aws_kms_key.main.enable_key_rotation
    error_message = "the key must rotate"
  }
}

run "buckets_age_and_clean_up" {
  assert {
    condition = alltrue([
      for lifecycle in aws_s3_bucket_lifecycle_configuration.data :
      anytrue([for rule in lifecycle.rule : length(rule.abort_incomplete_multipart_upload) == 1 && rule.status == "Enabled"]) &&
      anytrue([for rule in lifecycle.rule : try(one(rule.transition).storage_class == "INTELLIGENT_TIERING", false) && rule.status == "Enabled"])
    ])
    error_message = "data buckets must tier old files and drop aborted uploads"
  }

  assert {
    condition     = one(one(aws_s3_bucket_lifecycle_configuration.logs.rule).expiration).days == 90
    error_message = "access logs must expire"
  }
}

run "the_table_keeps_history_and_forgets_on_time" {
  assert {
    condition = (
      aws_dynamodb_table.metadata.billing_mode == "PAY_PER_REQUEST" &&
      aws_dynamodb_table.metadata.point_in_time_recovery[0].enabled &&
      aws_dynamodb_table.metadata.ttl[0].enabled && aws_dynamodb_table.metadata.ttl[0].attribute_name == "expires_at"
    )
    error_message = "the table must be on demand, recoverable to a point in time, and drop rows by expires_at"
  }
}

run "production_is_protected" {
  variables {
    environment = "prod"
  }

  assert {
    condition = (
      aws_lb.api.enable_deletion_protection &&
      aws_dynamodb_table.metadata.deletion_protection_enabled &&
      !aws_ecr_repository.api.force_delete && !aws_s3_bucket.logs.force_destroy &&
      alltrue([for bucket in aws_s3_bucket.data : !bucket.force_destroy])
    )
    error_message = "in prod a mistaken destroy must not take data or images with it"
  }
}

run "development_leaves_nothing_behind" {
  variables {
    environment = "dev"
  }

  assert {
    condition = (
      !aws_lb.api.enable_deletion_protection &&
      !aws_dynamodb_table.metadata.deletion_protection_enabled &&
      aws_ecr_repository.api.force_delete && aws_s3_bucket.logs.force_destroy &&
      alltrue([for bucket in aws_s3_bucket.data : bucket.force_destroy])
    )
    error_message = "in dev a destroy must go through"
  }
}
