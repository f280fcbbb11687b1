# Sensor files arrive in the source bucket; the processor writes to the
# processed one. What happens in them is logged in the bucket of logs_bucket.tf.

locals {
  # Bucket names are shared by all of AWS; account and region make them ours.
  buckets = {
    for purpose in ["source", "processed"] :
    purpose => "${local.name}-${purpose}-${local.account_id}-${local.region_code}"
  }
}

resource "aws_s3_bucket" "data" {
  for_each = local.buckets

  bucket        = each.value
  force_destroy = !local.protected
}

resource "aws_s3_bucket_versioning" "data" {
  for_each = aws_s3_bucket.data

  bucket = each.value.bucket

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "data" {
  for_each = aws_s3_bucket.data

  bucket = each.value.bucket

  rule {
    # One key request for a bucket and a while, not one for each object.
    bucket_key_enabled = true

    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = aws_kms_key.main.arn
    }
  }
}

resource "aws_s3_bucket_ownership_controls" "data" {
  for_each = aws_s3_bucket.data

  bucket = each.value.bucket

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_public_access_block" "data" {
  for_each = aws_s3_bucket.data

  bucket                  = each.value.bucket
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_logging" "data" {
  for_each = aws_s3_bucket.data

  bucket        = each.value.bucket
  target_bucket = aws_s3_bucket.logs.bucket
  target_prefix = "s3/${each.key}/"

  depends_on = [aws_s3_bucket_policy.logs]
}

resource "aws_s3_bucket_policy" "data" {
  # An emulated AWS speaks plain HTTP: there the policy would lock everyone out.
  for_each = { for purpose, bucket in aws_s3_bucket.data : purpose => bucket if !var.emulated }

  bucket = each.value.bucket

  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [local.deny_plain_http[each.value.bucket]]
  })

  # S3 refuses two changes of a bucket's access settings at once.
  depends_on = [aws_s3_bucket_public_access_block.data]
}

locals {
  # A denial has to cover everyone and every action to mean anything.
  deny_plain_http = {
    for name in concat(values(local.buckets), [local.logs_bucket]) : name => {
      Sid       = "DenyPlainHTTP"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = ["arn:${local.partition}:s3:::${name}", "arn:${local.partition}:s3:::${name}/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "data" {
  for_each = aws_s3_bucket.data

  bucket = each.value.bucket

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

  # What Redshift has loaded, or failed to, is of no use to anybody.
  dynamic "rule" {
    for_each = var.enable_redshift && each.key == "source" ? ["staging/"] : []

    content {
      id     = "staged"
      status = "Enabled"

      filter {
        prefix = rule.value
      }

      expiration {
        days = 1
      }
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

# Request metrics for the dashboard; S3 counts storage by itself, requests only
# where it is told to. An emulated AWS does not count them.
resource "aws_s3_bucket_metric" "requests" {
  for_each = { for purpose, bucket in aws_s3_bucket.data : purpose => bucket if !var.emulated }

  bucket = each.value.bucket
  name   = "all"
}

resource "aws_s3_bucket_notification" "source" {
  bucket = aws_s3_bucket.data["source"].bucket

  lambda_function {
    id                  = "processor"
    lambda_function_arn = aws_lambda_alias.prod.arn
    events              = ["s3:ObjectCreated:*"]
    filter_prefix       = "incoming/"
  }

  depends_on = [aws_lambda_permission.source_bucket]
}
