# The network: who reaches whom, and how tasks without a public address reach AWS.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  environment          = "staging"
  processor_zip        = "processor.zip"
  write_keys_parameter = "/sensor-backend/write-keys"
  certificate_arn      = "arn:aws:acm:us-east-1:111122223333:certificate/0a1b2c3d-0000-4000-8000-0123456789ab"
  domain_name          = "sensors.example.com"
}

run "tasks_are_private" {
  assert {
    condition     = !aws_ecs_service.api.network_configuration[0].assign_public_ip && aws_ecs_service.api.network_configuration[0].subnets == toset(aws_subnet.private[*].id)
    error_message = "tasks must run in the private subnets without a public address"
  }

  assert {
    condition     = alltrue([for subnet in concat(aws_subnet.public, aws_subnet.private) : !subnet.map_public_ip_on_launch])
    error_message = "no subnet may hand out public addresses by itself"
  }

  assert {
    condition     = length(distinct([for subnet in concat(aws_subnet.public, aws_subnet.private) : subnet.cidr_block])) == 4
    error_message = "subnets must not overlap"
  }
}

run "only_the_load_balancer_reaches_the_tasks" {
  assert {
    condition = (
      aws_vpc_security_group_ingress_rule.api_from_alb.referenced_security_group_id == aws_security_group.alb.id &&
      aws_vpc_security_group_ingress_rule.api_from_alb.cidr_ipv4 == null
    )
    error_message = "the tasks must be reachable from the load balancer's group only"
  }

  assert {
    condition     = length(aws_vpc_security_group_egress_rule.api_to_warehouse) == 0 && length(aws_vpc_security_group_egress_rule.api_to_redshift) == 0
    error_message = "without a warehouse its ports must stay closed"
  }
}

run "endpoints_keep_traffic_inside_aws" {
  variables {
    egress_mode             = "endpoints"
    warehouse_url_parameter = "/sensor-backend/warehouse-url"
  }

  assert {
    condition     = keys(aws_vpc_endpoint.interface) == ["ecr.api", "ecr.dkr", "logs", "ssm"]
    error_message = "a task must reach the registry, its log and its parameter"
  }

  assert {
    condition     = length(aws_nat_gateway.main) == 0 && length(aws_vpc_security_group_egress_rule.api_https) == 0
    error_message = "with endpoints nothing may lead to the internet"
  }

  assert {
    condition     = alltrue([for rule in aws_vpc_security_group_egress_rule.api_to_gateways : rule.cidr_ipv4 == null && rule.prefix_list_id != null])
    error_message = "S3 and DynamoDB must be named by their prefix lists"
  }
}

run "one_nat_gateway_outside_production" {
  variables {
    egress_mode = "nat"
    zone_count  = 3
  }

  assert {
    condition     = length(aws_nat_gateway.main) == 1 && length(aws_route.nat) == 3 && length(aws_vpc_endpoint.interface) == 0
    error_message = "one gateway must serve all zones"
  }

  assert {
    condition     = alltrue([for route in aws_route.nat : route.nat_gateway_id == aws_nat_gateway.main[0].id])
    error_message = "every private subnet must lead to the gateway"
  }
}

run "a_nat_gateway_for_each_zone_in_production" {
  variables {
    environment = "prod"
    egress_mode = "nat"
  }

  assert {
    condition     = length(aws_nat_gateway.main) == 2 && aws_route.nat[1].nat_gateway_id == aws_nat_gateway.main[1].id
    error_message = "each zone must keep its own way out"
  }
}

run "gateway_endpoints_in_both_modes" {
  variables {
    egress_mode = "nat"
  }

  assert {
    condition     = keys(aws_vpc_endpoint.gateway) == ["dynamodb", "s3"] && length(aws_vpc_endpoint.gateway["s3"].route_table_ids) == 2
    error_message = "S3 and DynamoDB must be reached without paying by the byte"
  }
}

run "the_smallest_network_holds_a_load_balancer" {
  variables {
    vpc_cidr   = "10.0.16.0/20"
    zone_count = 3
  }

  assert {
    condition     = [for subnet in concat(aws_subnet.public, aws_subnet.private) : subnet.cidr_block] == ["10.0.16.0/27", "10.0.16.32/27", "10.0.16.64/27", "10.0.24.0/27", "10.0.24.32/27", "10.0.24.64/27"]
    error_message = "a load balancer needs subnets of /27 at least: ${jsonencode(aws_subnet.private[*].cidr_block)}"
  }
}

run "refuses_more_zones_than_the_region_has" {
  command = plan

  variables {
    zone_count = 3
  }

  override_data {
    target = data.aws_availability_zones.available
    values = { names = ["zone-a", "zone-b"] }
  }

  expect_failures = [data.aws_availability_zones.available]
}

run "plain_http_without_a_certificate" {
  variables {
    environment     = "dev"
    certificate_arn = ""
    domain_name     = ""
  }

  assert {
    condition     = aws_lb_listener.http.default_action[0].type == "forward" && length(aws_lb_listener.https) == 0 && startswith(output.api_url, "http://")
    error_message = "without a certificate the API must be served over HTTP"
  }
}

run "https_with_a_certificate" {
  variables {
    certificate_arn = "arn:aws:acm:us-east-1:111122223333:certificate/0a1b2c3d-0000-4000-8000-0123456789ab"
  }

  assert {
    condition     = aws_lb_listener.http.default_action[0].type == "redirect" && one(aws_lb_listener.http.default_action[0].redirect).protocol == "HTTPS"
    error_message = "HTTP must be redirected"
  }

  assert {
    condition     = aws_lb_listener.https[0].ssl_policy == "ELBSecurityPolicy-TLS13-1-2-Res-2021-06" && output.api_url == "https://sensors.example.com"
    error_message = "HTTPS must take TLS 1.2 with forward secrecy at least"
  }
}

run "refuses_a_certificate_of_another_account" {
  command = plan

  variables {
    certificate_arn = "arn:aws:acm:us-east-1:999999999999:certificate/0a1b2c3d-0000-4000-8000-0123456789ab"
  }

  expect_failures = [aws_lb_listener.https]
}

run "the_load_balancer_is_strict_and_logged" {
  assert {
    condition     = aws_lb.api.drop_invalid_header_fields && aws_lb.api.desync_mitigation_mode == "defensive"
    error_message = "malformed requests must not reach the API"
  }

  assert {
    condition     = aws_lb.api.access_logs[0].enabled && aws_lb.api.access_logs[0].bucket == aws_s3_bucket.logs.bucket
    error_message = "requests must be logged"
  }
}

run "traffic_is_logged" {
  assert {
    condition     = aws_flow_log.main.traffic_type == "ALL" && aws_flow_log.main.log_destination_type == "s3"
    error_message = "flow logs must be on"
  }
}

# In AWS's own words, which it adds to a policy that lacks them.
run "flow_logs_are_delivered" {
  assert {
    condition = {
      for statement in jsondecode(aws_s3_bucket_policy.logs.policy).Statement : statement.Sid => {
        action = statement.Action, resource = statement.Resource, account = statement.Condition.StringEquals["aws:SourceAccount"]
        source = statement.Condition.ArnLike["aws:SourceArn"], acl = try(statement.Condition.StringEquals["s3:x-amz-acl"], "")
      } if try(statement.Principal.Service, "") == "delivery.logs.amazonaws.com"
      } == {
      AWSLogDeliveryWrite = {
        action  = ["s3:PutObject"], resource = "arn:aws:s3:::sensor-backend-staging-logs-111122223333-use1/AWSLogs/111122223333/*"
        account = "111122223333", source = "arn:aws:logs:us-east-1:111122223333:*", acl = "bucket-owner-full-control"
      }
      AWSLogDeliveryAclCheck = {
        action  = ["s3:GetBucketAcl"], resource = "arn:aws:s3:::sensor-backend-staging-logs-111122223333-use1"
        account = "111122223333", source = "arn:aws:logs:us-east-1:111122223333:*", acl = ""
      }
    }
    error_message = "the statements must be those of AWS's guide: ${aws_s3_bucket_policy.logs.policy}"
  }
}
