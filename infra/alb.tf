resource "aws_lb" "api" {
  name               = "${local.name}-api"
  load_balancer_type = "application"
  security_groups    = [aws_security_group.alb.id]
  subnets            = aws_subnet.public[*].id

  drop_invalid_header_fields = true
  desync_mitigation_mode     = "defensive"
  enable_deletion_protection = local.protected

  # The API keeps idle connections longer than this: the side that closes
  # first must not be the one that a request is on its way to.
  idle_timeout = 60

  access_logs {
    enabled = true
    bucket  = aws_s3_bucket.logs.bucket
    prefix  = "alb"
  }

  # The listener takes requests only once there is a way in and out, and AWS
  # tries the bucket before it accepts the setting.
  depends_on = [aws_route.internet, aws_s3_bucket_policy.logs]
}

resource "aws_lb_target_group" "api" {
  name        = "${local.name}-api"
  vpc_id      = aws_vpc.main.id
  port        = local.api_port
  protocol    = "HTTP"
  target_type = "ip"

  # ECS waits this long before it stops a task; no request takes longer.
  deregistration_delay = 30

  # The process, not what it depends on: ECS replaces tasks that fail this
  # check, and new tasks do not bring a database back.
  health_check {
    path                = "/healthz"
    matcher             = "200"
    interval            = 10
    timeout             = 5
    healthy_threshold   = 2
    unhealthy_threshold = 3
  }
}

# Plain HTTP serves the API only where there is no certificate to serve it by.
resource "aws_lb_listener" "http" {
  load_balancer_arn = aws_lb.api.arn
  port              = 80
  protocol          = "HTTP"

  default_action {
    type             = local.https ? "redirect" : "forward"
    target_group_arn = local.https ? null : aws_lb_target_group.api.arn

    dynamic "redirect" {
      for_each = local.https ? ["https"] : []

      content {
        protocol    = "HTTPS"
        port        = "443"
        status_code = "HTTP_301"
      }
    }
  }
}

resource "aws_lb_listener" "https" {
  count = local.https ? 1 : 0

  load_balancer_arn = aws_lb.api.arn
  port              = 443
  protocol          = "HTTPS"
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-Res-2021-06"
  certificate_arn   = var.certificate_arn

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.api.arn
  }

  lifecycle {
    precondition {
      condition     = strcontains(var.certificate_arn, ":${local.account_scope}:")
      error_message = "certificate_arn must name a certificate of account ${local.account_id} in ${var.aws_region}; put the one of your domain into the variable file."
    }
  }
}
