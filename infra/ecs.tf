locals {
  api_container = "api"
  api_port      = 8080
  account_scope = "${var.region}:${local.account_id}"

  warehouse_parameter_arn = (
    var.warehouse_url_parameter == "" ? "" :
    "arn:${local.partition}:ssm:${local.account_scope}:parameter${var.warehouse_url_parameter}"
  )
}

resource "aws_ecs_cluster" "main" {
  name = local.name

  setting {
    name  = "containerInsights"
    value = local.production ? "enabled" : "disabled"
  }
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
  family                   = "${local.name}-api"
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

    portMappings = [{
      containerPort = local.api_port
      hostPort      = local.api_port
      protocol      = "tcp"
    }]

    environment = [
      { name = "AWS_REGION", value = var.region },
      { name = "METADATA_TABLE", value = aws_dynamodb_table.metadata.name },
      { name = "PORT", value = tostring(local.api_port) },
      { name = "SOURCE_BUCKET", value = aws_s3_bucket.data["source"].bucket },
    ]

    secrets = local.warehouse_parameter_arn == "" ? [] : [
      { name = "DATABASE_URL", valueFrom = local.warehouse_parameter_arn },
    ]

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
        awslogs-region        = var.region
        awslogs-stream-prefix = "ecs"
      }
    }
  }])
}

resource "aws_ecs_service" "api" {
  name            = "${local.name}-api"
  cluster         = aws_ecs_cluster.main.arn
  task_definition = aws_ecs_task_definition.api.arn
  desired_count   = var.desired_count
  launch_type     = "FARGATE"
  propagate_tags  = "SERVICE"

  deployment_minimum_healthy_percent = 100
  deployment_maximum_percent         = 200
  health_check_grace_period_seconds  = 30

  # The deployment that follows judges its own outcome; waiting here would also
  # take a rolled-back service for a good one.
  wait_for_steady_state = false

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  network_configuration {
    subnets          = aws_subnet.public[*].id
    security_groups  = [aws_security_group.api.id]
    assign_public_ip = true
  }

  load_balancer {
    target_group_arn = aws_lb_target_group.api.arn
    container_name   = local.api_container
    container_port   = local.api_port
  }

  # ECS takes a target group only once a listener uses it, and a task without
  # its permissions or its way to the registry cannot start.
  depends_on = [
    aws_lb_listener.http,
    aws_iam_role_policy.execution,
    aws_iam_role_policy.task,
    aws_route_table_association.public,
    aws_vpc_security_group_egress_rule.api_https,
  ]

  # Deployments set the task definition, autoscaling the count.
  lifecycle {
    ignore_changes = [task_definition, desired_count]
  }
}

resource "aws_appautoscaling_target" "api" {
  service_namespace  = "ecs"
  scalable_dimension = "ecs:service:DesiredCount"
  resource_id        = "service/${aws_ecs_cluster.main.name}/${aws_ecs_service.api.name}"
  min_capacity       = var.desired_count
  max_capacity       = var.max_count
}

resource "aws_appautoscaling_policy" "api_cpu" {
  name               = "${local.name}-api-cpu"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.api.service_namespace
  scalable_dimension = aws_appautoscaling_target.api.scalable_dimension
  resource_id        = aws_appautoscaling_target.api.resource_id

  target_tracking_scaling_policy_configuration {
    target_value       = 60
    scale_in_cooldown  = 300
    scale_out_cooldown = 60

    predefined_metric_specification {
      predefined_metric_type = "ECSServiceAverageCPUUtilization"
    }
  }
}
