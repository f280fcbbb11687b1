locals {
  api_container = "api"
  api_port      = 8080

  warehouse_parameter_arn = (
    var.warehouse_url_parameter == "" ? "" :
    "arn:${local.partition}:ssm:${local.account_scope}:parameter${var.warehouse_url_parameter}"
  )

  # What the task is given by reference: variable of its environment, parameter.
  task_secrets = merge(
    local.warehouse_parameter_arn == "" ? {} : { DATABASE_URL = local.warehouse_parameter_arn },
    var.write_keys_parameter == "" ? {} : {
      WRITE_KEYS_SHA256 = "arn:${local.partition}:ssm:${local.account_scope}:parameter${var.write_keys_parameter}"
    },
  )
}

# Remembers the image of the first task definition, so that a later apply with
# another image does not make a revision nobody deploys.
resource "terraform_data" "api_image" {
  input = var.api_image != "" ? var.api_image : "${aws_ecr_repository.api.repository_url}:latest"

  lifecycle {
    ignore_changes = [input]
  }
}

resource "aws_ecs_task_definition" "api" {
  family                   = local.names.family
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = var.cpu
  memory                   = var.memory
  execution_role_arn       = aws_iam_role.execution.arn
  task_role_arn            = aws_iam_role.task.arn

  # A replaced revision stays registered: it is what a rollback goes back to.
  skip_destroy = true

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = var.architecture
  }

  container_definitions = jsonencode([{
    name                   = local.api_container
    image                  = terraform_data.api_image.output
    essential              = true
    readonlyRootFilesystem = true
    stopTimeout            = 30 # longer than the API takes to finish its requests

    # The API listens above 1024 and changes nothing of the system.
    linuxParameters = { capabilities = { drop = ["ALL"] } }

    portMappings = [{
      containerPort = local.api_port
      hostPort      = local.api_port
      protocol      = "tcp"
    }]

    environment = concat(
      [
        { name = "AWS_REGION", value = var.aws_region },
        { name = "METADATA_TABLE", value = aws_dynamodb_table.metadata.name },
        # The pipeline runs the same image once with "migrate" before it updates
        # the service: no task that serves changes the schema.
        { name = "MIGRATE_ON_START", value = "false" },
        { name = "PORT", value = tostring(local.api_port) },
        { name = "SOURCE_BUCKET", value = aws_s3_bucket.data["source"].bucket },
      ],
      var.enable_redshift ? [
        { name = "REDSHIFT_COPY_ROLE_ARN", value = aws_iam_role.warehouse[0].arn },
        { name = "REDSHIFT_STAGING_BUCKET", value = aws_s3_bucket.data["source"].bucket },
      ] : [],
      [for name, value in local.tracing : { name = name, value = value }],
    )

    secrets = [for name, arn in local.task_secrets : { name = name, valueFrom = arn }]

    healthCheck = {
      command     = ["CMD", "/api", "healthcheck"]
      interval    = 10
      timeout     = 5
      retries     = 3
      startPeriod = 30
    }

    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.api.name
        awslogs-region        = var.aws_region
        awslogs-stream-prefix = "ecs"
      }
    }
  }])
}
