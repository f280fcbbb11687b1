# Where AWS itself writes: access logs of the load balancer and of the buckets,
# flow logs of the network. Encrypted with S3's own key, because the load
# balancer can write under no other.

locals {
  logs_bucket     = "${local.name}-logs-${local.account_id}-${local.region_code}"
  logs_bucket_arn = "arn:${local.partition}:s3:::${local.logs_bucket}"
  from_account    = { StringEquals = { "aws:SourceAccount" = local.account_id } }
}

resource "aws_s3_bucket" "logs" {
  bucket        = local.logs_bucket
  force_destroy = !local.protected
}

resource "aws_s3_bucket_versioning" "logs" {
  bucket = aws_s3_bucket.logs.bucket

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "logs" {
  bucket = aws_s3_bucket.logs.bucket

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_ownership_controls" "logs" {
  bucket = aws_s3_bucket.logs.bucket

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_public_access_block" "logs" {
  bucket                  = aws_s3_bucket.logs.bucket
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_lifecycle_configuration" "logs" {
  bucket = aws_s3_bucket.logs.bucket

  rule {
    id     = "expire"
    status = "Enabled"

    filter {}

    expiration {
      days = var.access_log_days
    }

    noncurrent_version_expiration {
      noncurrent_days = 7
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }

  depends_on = [aws_s3_bucket_versioning.logs]
}

resource "aws_s3_bucket_policy" "logs" {
  bucket = aws_s3_bucket.logs.bucket

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        {
          Sid       = "LoadBalancerLogs"
          Effect    = "Allow"
          Principal = { Service = "logdelivery.elasticloadbalancing.amazonaws.com" }
          Action    = ["s3:PutObject"]
          Resource  = "${local.logs_bucket_arn}/alb/AWSLogs/${local.account_id}/*"
        },
        {
          # These two in the words of AWS (Amazon VPC User Guide, "Amazon S3 bucket
          # permissions for flow logs"), which adds them where they are missing.
          Sid       = "AWSLogDeliveryWrite"
          Effect    = "Allow"
          Principal = { Service = "delivery.logs.amazonaws.com" }
          Action    = ["s3:PutObject"]
          Resource  = "${local.logs_bucket_arn}/AWSLogs/${local.account_id}/*"
          Condition = {
            StringEquals = { "aws:SourceAccount" = local.account_id, "s3:x-amz-acl" = "bucket-owner-full-control" }
            ArnLike      = { "aws:SourceArn" = "arn:${local.partition}:logs:${local.account_scope}:*" }
          }
        },
        {
          Sid       = "AWSLogDeliveryAclCheck"
          Effect    = "Allow"
          Principal = { Service = "delivery.logs.amazonaws.com" }
          Action    = ["s3:GetBucketAcl"]
          Resource  = local.logs_bucket_arn
          Condition = {
            StringEquals = { "aws:SourceAccount" = local.account_id }
            ArnLike      = { "aws:SourceArn" = "arn:${local.partition}:logs:${local.account_scope}:*" }
          }
        },
      ],
      [for purpose, bucket in local.buckets : {
        Sid       = "AccessLogsOf${title(purpose)}"
        Effect    = "Allow"
        Principal = { Service = "logging.s3.amazonaws.com" }
        Action    = ["s3:PutObject"]
        Resource  = "${local.logs_bucket_arn}/s3/${purpose}/*"
        Condition = local.from_account
      }],
      var.emulated ? [] : [local.deny_plain_http[local.logs_bucket]],
    )
  })

  depends_on = [aws_s3_bucket_public_access_block.logs]
}
