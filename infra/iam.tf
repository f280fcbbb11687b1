# Three roles: one with which ECS starts a task, one the API runs as, one the
# processor runs as. Every statement names its resources.

locals {
  ecs_trust = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "ecs-tasks.amazonaws.com" }
      # Only for tasks of this account and region: without it ECS could be made
      # to use the role on behalf of someone else.
      Condition = {
        StringEquals = { "aws:SourceAccount" = local.account_id }
        ArnLike      = { "aws:SourceArn" = "arn:${local.partition}:ecs:${local.account_scope}:*" }
      }
    }]
  })
}

resource "aws_iam_role" "execution" {
  name               = "${local.name}-execution"
  description        = "ECS pulls the API's image, writes its log and reads its secret"
  assume_role_policy = local.ecs_trust
}

resource "aws_iam_role_policy" "execution" {
  name = "start-task"
  role = aws_iam_role.execution.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        {
          # The token is for the whole registry: AWS accepts no other resource.
          Sid      = "RegistryToken"
          Effect   = "Allow"
          Action   = ["ecr:GetAuthorizationToken"]
          Resource = "*"
        },
        {
          Sid    = "PullImage"
          Effect = "Allow"
          Action = [
            "ecr:BatchCheckLayerAvailability",
            "ecr:BatchGetImage",
            "ecr:GetDownloadUrlForLayer",
          ]
          Resource = aws_ecr_repository.api.arn
        },
        {
          Sid      = "WriteLog"
          Effect   = "Allow"
          Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
          Resource = "${aws_cloudwatch_log_group.api.arn}:log-stream:ecs/*"
        },
      ],
      # Under AWS's own key for SSM this is enough; a key of your own needs
      # kms:Decrypt on it as well.
      local.warehouse_parameter_arn == "" ? [] : [
        {
          Sid      = "ReadWarehouseURL"
          Effect   = "Allow"
          Action   = ["ssm:GetParameters"]
          Resource = local.warehouse_parameter_arn
        },
      ],
    )
  })
}

resource "aws_iam_role" "task" {
  name               = "${local.name}-task"
  description        = "What the API itself may do"
  assume_role_policy = local.ecs_trust
}

resource "aws_iam_role_policy" "task" {
  name = "api"
  role = aws_iam_role.task.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "StoreBatches"
        Effect   = "Allow"
        Action   = ["s3:PutObject"]
        Resource = "${aws_s3_bucket.data["source"].arn}/incoming/*"
      },
      {
        Sid      = "ReadMetadata"
        Effect   = "Allow"
        Action   = ["dynamodb:GetItem", "dynamodb:Scan"]
        Resource = aws_dynamodb_table.metadata.arn
      },
    ]
  })
}

resource "aws_iam_role" "processor" {
  name        = "${local.name}-processor"
  description = "What the processor may do"

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
        Sid    = "WriteProcessed"
        Effect = "Allow"
        Action = ["s3:PutObject"]
        Resource = [
          "${aws_s3_bucket.data["processed"].arn}/processed/*",
          "${aws_s3_bucket.data["processed"].arn}/quarantine/*",
        ]
      },
      {
        Sid      = "WriteMetadata"
        Effect   = "Allow"
        Action   = ["dynamodb:GetItem", "dynamodb:PutItem"]
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
      {
        Sid      = "WriteLog"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = "${aws_cloudwatch_log_group.processor.arn}:log-stream:*"
      },
    ]
  })
}
