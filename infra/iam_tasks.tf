# Two roles of a task: the one with which ECS starts it, and the one the API
# runs as. Every statement names its resources.

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

  # What a role needs to read and write what is encrypted with the key. S3,
  # DynamoDB, SNS and SQS use the key in the name of the role that calls them.
  use_key = {
    for service, names in { data = ["s3", "dynamodb"], messages = ["sns", "sqs"] } : service => {
      Sid                        = service == "data" ? "UseKeyForData" : "UseKeyForMessages"
      Effect                     = "Allow"
      Action                     = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource                   = aws_kms_key.main.arn
      Condition                  = { StringEquals = { "kms:ViaService" = [for name in names : "${name}.${var.aws_region}.amazonaws.com"] } }
    }
  }
}

resource "aws_iam_role" "execution" {
  name                 = "${local.global_name}-execution"
  description          = "ECS pulls the API's image, writes its log and reads its secret"
  assume_role_policy   = local.ecs_trust
  permissions_boundary = local.permissions_boundary
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
      length(local.task_secrets) == 0 ? [] : [
        {
          Sid      = "ReadSecrets"
          Effect   = "Allow"
          Action   = ["ssm:GetParameters"]
          Resource = values(local.task_secrets)
        },
      ],
    )
  })
}

resource "aws_iam_role" "task" {
  name                 = "${local.global_name}-task"
  description          = "What the API itself may do"
  assume_role_policy   = local.ecs_trust
  permissions_boundary = local.permissions_boundary
}

resource "aws_iam_role_policy" "task" {
  name = "api"
  role = aws_iam_role.task.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid    = "StoreBatches"
        Effect = "Allow"
        Action = ["s3:PutObject"]
        Resource = [
          for prefix in concat(["incoming"], var.enable_redshift ? ["staging"] : []) : "${aws_s3_bucket.data["source"].arn}/${prefix}/*"
        ]
      },
      {
        Sid      = "ReadMetadata"
        Effect   = "Allow"
        Action   = ["dynamodb:GetItem", "dynamodb:Scan"]
        Resource = aws_dynamodb_table.metadata.arn
      },
      local.use_key.data,
    ]
  })
}
