# One row for each processed object, and the processor's short-lived records of
# what it is doing, which DynamoDB drops when their time has come.
resource "aws_dynamodb_table" "metadata" {
  name                        = "${local.name}-metadata"
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "object_key"
  deletion_protection_enabled = local.protected

  attribute {
    name = "object_key"
    type = "S"
  }

  point_in_time_recovery {
    enabled = true
  }

  server_side_encryption {
    enabled     = true
    kms_key_arn = aws_kms_key.main.arn
  }

  ttl {
    enabled        = true
    attribute_name = "expires_at"
  }
}
