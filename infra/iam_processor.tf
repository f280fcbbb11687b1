resource "aws_iam_role" "processor" {
  name                 = "${local.global_name}-processor"
  description          = "What the processor may do"
  permissions_boundary = local.permissions_boundary

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "lambda.amazonaws.com" }
      Condition = { StringEquals = { "aws:SourceAccount" = local.account_id } }
    }]
  })
}

resource "aws_iam_role_policy" "processor" {
  name = "processor"
  role = aws_iam_role.processor.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "ReadSource"
        Effect   = "Allow"
        Action   = ["s3:GetObject"]
        Resource = "${aws_s3_bucket.data["source"].arn}/incoming/*"
      },
      {
        # Without it S3 answers "forbidden" for an object that is gone.
        Sid       = "TellMissingFromForbidden"
        Effect    = "Allow"
        Action    = ["s3:ListBucket"]
        Resource  = aws_s3_bucket.data["source"].arn
        Condition = { StringLike = { "s3:prefix" = ["incoming/*"] } }
      },
      {
        # A long object is written in parts, which are dropped when the file
        # turns out to be bad.
        Sid    = "WriteProcessed"
        Effect = "Allow"
        Action = ["s3:AbortMultipartUpload", "s3:PutObject"]
        Resource = [
          "${aws_s3_bucket.data["processed"].arn}/processed/*",
          "${aws_s3_bucket.data["processed"].arn}/quarantine/*",
        ]
      },
      {
        Sid    = "WriteMetadata"
        Effect = "Allow"
        Action = [
          "dynamodb:DeleteItem",
          "dynamodb:GetItem",
          "dynamodb:PutItem",
          "dynamodb:UpdateItem",
        ]
        Resource = aws_dynamodb_table.metadata.arn
      },
      {
        Sid      = "Alert"
        Effect   = "Allow"
        Action   = ["sns:Publish"]
        Resource = aws_sns_topic.alerts.arn
      },
      {
        Sid      = "KeepFailedEvents"
        Effect   = "Allow"
        Action   = ["sqs:SendMessage"]
        Resource = aws_sqs_queue.failed_events.arn
      },
      local.use_key.data,
      local.use_key.messages,
      {
        # Lambda decrypts the function's environment in the role's name.
        Sid       = "ReadEnvironment"
        Effect    = "Allow"
        Action    = ["kms:Decrypt"]
        Resource  = aws_kms_key.main.arn
        Condition = { StringEquals = { "kms:ViaService" = "lambda.${var.aws_region}.amazonaws.com" } }
      },
      {
        Sid      = "WriteLog"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = "${aws_cloudwatch_log_group.processor.arn}:log-stream:*"
      },
      {
        # Traces belong to no resource: AWS accepts no other.
        Sid      = "WriteTraces"
        Effect   = "Allow"
        Action   = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]
        Resource = "*"
      },
    ]
  })
}
