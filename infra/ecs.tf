resource "aws_ecs_cluster" "main" {
  name = local.names.cluster

  setting {
    name  = "containerInsights"
    value = local.production ? "enabled" : "disabled"
  }
}

resource "aws_ecs_cluster_capacity_providers" "main" {
  cluster_name       = aws_ecs_cluster.main.name
  capacity_providers = ["FARGATE", "FARGATE_SPOT"]
}

resource "aws_ecs_service" "api" {
  name                    = local.names.service
  cluster                 = aws_ecs_cluster.main.arn
  task_definition         = aws_ecs_task_definition.api.arn
  desired_count           = var.desired_count
  propagate_tags          = "SERVICE"
  enable_ecs_managed_tags = true

  deployment_minimum_healthy_percent = 100
  deployment_maximum_percent         = 200
  health_check_grace_period_seconds  = 30

  # The deployment that follows judges its own outcome; waiting here would also
  # take a rolled-back service for a good one.
  wait_for_steady_state = false

  # Without it another share of Spot would replace the service, and with it the
  # image that runs by the first one ever.
  force_new_deployment = true

  # The base never runs on Spot, which AWS may take back within two minutes;
  # what comes on top is split by weight.
  capacity_provider_strategy {
    capacity_provider = "FARGATE"
    base              = var.on_demand_base
    weight            = 100 - var.spot_percent
  }

  capacity_provider_strategy {
    capacity_provider = "FARGATE_SPOT"
    weight            = var.spot_percent
  }

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  # Tasks that start but serve errors pass the breaker; the alarms catch them.
  alarms {
    enable      = true
    rollback    = true
    alarm_names = [for name in local.rollback_alarms : aws_cloudwatch_metric_alarm.api[name].alarm_name]
  }

  network_configuration {
    subnets          = aws_subnet.private[*].id
    security_groups  = [aws_security_group.api.id]
    assign_public_ip = false
  }

  load_balancer {
    target_group_arn = aws_lb_target_group.api.arn
    container_name   = local.api_container
    container_port   = local.api_port
  }

  # ECS takes a target group only once a listener uses it, and a task without
  # its permissions or its way to the registry cannot start.
  depends_on = [
    aws_ecs_cluster_capacity_providers.main,
    aws_lb_listener.http,
    aws_lb_listener.https,
    aws_iam_role_policy.execution,
    aws_iam_role_policy.task,
    aws_route.nat,
    aws_route_table_association.private,
    aws_vpc_endpoint.gateway,
    aws_vpc_endpoint.interface,
    aws_vpc_security_group_egress_rule.api_https,
    aws_vpc_security_group_egress_rule.api_to_endpoints,
    aws_vpc_security_group_egress_rule.api_to_gateways,
  ]

  # Deployments set the task definition, autoscaling the count.
  lifecycle {
    ignore_changes = [task_definition, desired_count]
  }
}
