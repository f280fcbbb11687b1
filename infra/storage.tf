locals {
  # Bucket names are shared by all of AWS; account and region make them ours.
  buckets = {
    for purpose in ["source", "processed"] :
    purpose => "${local.name}-${purpose}-${local.account_id}-${var.region}"
  }
}

resource "aws_s3_bucket" "data" {
  for_each = local.buckets

  bucket        = each.value
  force_destroy = !local.production
}

resource "aws_s3_bucket_versioning" "data" {
  for_each = aws_s3_bucket.data

  bucket = each.value.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "data" {
  for_each = aws_s3_bucket.data

  bucket = each.value.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_public_access_block" "data" {
  for_each = aws_s3_bucket.data

  bucket                  = each.value.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_policy" "tls_only" {
  # An emulated AWS speaks plain HTTP: there the policy would lock everyone out.
  for_each = { for purpose, bucket in aws_s3_bucket.data : purpose => bucket if !var.emulated }

  bucket = each.value.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      # A denial has to cover everyone and every action to mean anything.
      Sid       = "DenyPlainHTTP"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = [each.value.arn, "${each.value.arn}/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
  })

  # S3 refuses two changes of a bucket's access settings at once.
  depends_on = [aws_s3_bucket_public_access_block.data]
}

resource "aws_s3_bucket_lifecycle_configuration" "data" {
  for_each = aws_s3_bucket.data

  bucket = each.value.id

  rule {
    id     = "tidy"
    status = "Enabled"

    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }

    noncurrent_version_expiration {
      noncurrent_days = 30
    }
  }

  rule {
    id     = "cool-down"
    status = "Enabled"

    filter {}

    # Files are read when they arrive and rarely after; this class moves them
    # by use and charges nothing to read them back.
    transition {
      days          = 30
      storage_class = "INTELLIGENT_TIERING"
    }
  }

  # A lifecycle rule for old versions needs versioning to be on first.
  depends_on = [aws_s3_bucket_versioning.data]
}

resource "aws_dynamodb_table" "metadata" {
  name                        = "${local.name}-metadata"
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "object_key"
  deletion_protection_enabled = local.production

  attribute {
    name = "object_key"
    type = "S"
  }

  point_in_time_recovery {
    enabled = true
  }
}
