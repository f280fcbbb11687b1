# What applying and deploying change.

locals {
  ci_statements = {
    read     = local.ci_read
    state    = local.ci_state
    network  = local.ci_network
    services = local.ci_services
    roles    = local.ci_roles
    deploy   = local.ci_deploy
  }

  task_definition = "arn:${local.partition}:ecs:${local.account_scope}:task-definition/${local.name}-api:*"

  ci_network = {
    # In this region and account; most of these act on things without a name.
    ChangeNetwork = {
      actions = [
        "ec2:AllocateAddress", "ec2:AssociateRouteTable", "ec2:AttachInternetGateway",
        "ec2:AuthorizeSecurityGroupEgress", "ec2:AuthorizeSecurityGroupIngress", "ec2:CreateFlowLogs",
        "ec2:CreateInternetGateway", "ec2:CreateNatGateway", "ec2:CreateRoute", "ec2:CreateRouteTable",
        "ec2:CreateSecurityGroup", "ec2:CreateSubnet", "ec2:CreateTags", "ec2:CreateVpc", "ec2:CreateVpcEndpoint",
        "ec2:DeleteFlowLogs", "ec2:DeleteInternetGateway", "ec2:DeleteNatGateway", "ec2:DeleteRoute",
        "ec2:DeleteRouteTable", "ec2:DeleteSecurityGroup", "ec2:DeleteSubnet", "ec2:DeleteTags", "ec2:DeleteVpc",
        "ec2:DeleteVpcEndpoints", "ec2:DetachInternetGateway", "ec2:DisassociateRouteTable", "ec2:ModifySecurityGroupRules",
        "ec2:ModifySubnetAttribute", "ec2:ModifyVpcAttribute", "ec2:ModifyVpcEndpoint", "ec2:ReleaseAddress",
        "ec2:RevokeSecurityGroupEgress", "ec2:RevokeSecurityGroupIngress",
      ]
      resources = ["arn:${local.partition}:ec2:${local.account_scope}:*/*"]
      condition = null
    }
    ChangeLoadBalancer = {
      actions = [
        "elasticloadbalancing:AddTags", "elasticloadbalancing:CreateListener", "elasticloadbalancing:CreateLoadBalancer",
        "elasticloadbalancing:CreateTargetGroup", "elasticloadbalancing:DeleteListener",
        "elasticloadbalancing:DeleteLoadBalancer", "elasticloadbalancing:DeleteTargetGroup",
        "elasticloadbalancing:ModifyListener", "elasticloadbalancing:ModifyListenerAttributes",
        "elasticloadbalancing:ModifyLoadBalancerAttributes", "elasticloadbalancing:ModifyTargetGroup",
        "elasticloadbalancing:ModifyTargetGroupAttributes", "elasticloadbalancing:RemoveTags",
        "elasticloadbalancing:SetSecurityGroups", "elasticloadbalancing:SetSubnets",
      ]
      resources = [
        for kind in ["listener/app", "loadbalancer/app", "targetgroup"] :
        "arn:${local.partition}:elasticloadbalancing:${local.account_scope}:${kind}/${local.name}-*"
      ]
      condition = null
    }
    ChangeWarehouse = {
      actions = [
        "redshift:CreateCluster", "redshift:CreateClusterParameterGroup", "redshift:CreateClusterSubnetGroup",
        "redshift:CreateTags", "redshift:DeleteCluster", "redshift:DeleteClusterParameterGroup",
        "redshift:DeleteClusterSubnetGroup", "redshift:DeleteTags", "redshift:DisableLogging", "redshift:EnableLogging",
        "redshift:ModifyCluster", "redshift:ModifyClusterIamRoles", "redshift:ModifyClusterParameterGroup",
        "redshift:ModifyClusterSubnetGroup",
      ]
      resources = [
        for kind in ["cluster", "parametergroup", "subnetgroup"] :
        "arn:${local.partition}:redshift:${local.account_scope}:${kind}:${local.name}-*"
      ]
      condition = null
    }
  }

  ci_services = {
    ChangeNamed = {
      actions = [
        "budgets:ModifyBudget", "budgets:TagResource", "cloudwatch:DeleteAlarms", "cloudwatch:DeleteDashboards",
        "cloudwatch:PutDashboard", "cloudwatch:PutMetricAlarm", "cloudwatch:TagResource", "dynamodb:CreateTable",
        "dynamodb:DeleteTable", "dynamodb:TagResource", "dynamodb:UpdateContinuousBackups", "dynamodb:UpdateTable",
        "dynamodb:UpdateTimeToLive", "ecr:CreateRepository", "ecr:DeleteLifecyclePolicy", "ecr:DeleteRepository",
        "ecr:PutImageScanningConfiguration", "ecr:PutImageTagMutability", "ecr:PutLifecyclePolicy", "ecr:TagResource",
        "ecs:CreateCluster", "ecs:CreateService", "ecs:DeleteCluster", "ecs:DeleteService",
        "ecs:PutClusterCapacityProviders", "ecs:TagResource", "ecs:UpdateCluster", "ecs:UpdateService",
        "lambda:AddPermission", "lambda:CreateAlias", "lambda:CreateFunction", "lambda:DeleteAlias",
        "lambda:DeleteFunction", "lambda:DeleteFunctionConcurrency", "lambda:DeleteFunctionEventInvokeConfig",
        "lambda:PublishVersion", "lambda:PutFunctionConcurrency", "lambda:PutFunctionEventInvokeConfig",
        "lambda:RemovePermission", "lambda:TagResource", "lambda:UpdateAlias", "lambda:UpdateFunctionCode",
        "lambda:UpdateFunctionConfiguration", "logs:AssociateKmsKey", "logs:CreateLogGroup", "logs:DeleteLogGroup",
        "logs:PutRetentionPolicy", "logs:TagResource", "sns:CreateTopic", "sns:DeleteTopic", "sns:SetTopicAttributes",
        "sns:Subscribe", "sns:TagResource", "sns:Unsubscribe", "sqs:CreateQueue", "sqs:DeleteQueue",
        "sqs:SetQueueAttributes", "sqs:TagQueue",
      ]
      resources = [for kind in [
        "alarm", "budget", "cluster", "dashboard", "function", "log_group", "queue", "registry", "service", "table", "topic",
      ] : local.named[kind]]
      condition = null
    }
    # What destroy removes besides Terraform's own.
    RemoveRecords = {
      actions   = ["ecs:DeleteTaskDefinitions", "ssm:DeleteParameter"]
      resources = [local.task_definition, local.named.parameter]
      condition = null
    }
    ChangeBuckets = {
      actions = [
        "s3:CreateBucket", "s3:DeleteBucket", "s3:DeleteBucketPolicy", "s3:PutBucketLogging",
        "s3:PutBucketNotification", "s3:PutBucketOwnershipControls", "s3:PutBucketPolicy",
        "s3:PutBucketPublicAccessBlock", "s3:PutBucketTagging", "s3:PutBucketVersioning",
        "s3:PutEncryptionConfiguration", "s3:PutLifecycleConfiguration", "s3:PutMetricsConfiguration",
      ]
      resources = [local.named.bucket]
      condition = null
    }
    # A key has no name of its own: what is new carries our tags, what is there our alias.
    MakeKey = {
      actions   = ["kms:CreateKey", "kms:TagResource"]
      resources = ["*"]
      condition = { StringEquals = { "aws:RequestTag/Project" = var.project, "aws:RequestTag/Environment" = var.environment } }
    }
    ChangeKey = {
      actions = [
        "kms:CreateGrant", "kms:Decrypt", "kms:EnableKeyRotation", "kms:Encrypt", "kms:GenerateDataKey",
        "kms:PutKeyPolicy", "kms:ScheduleKeyDeletion", "kms:UpdateKeyDescription",
      ]
      resources = [local.named.key]
      condition = { StringEquals = { "aws:ResourceTag/Project" = var.project, "aws:ResourceTag/Environment" = var.environment } }
    }
    NameKey = {
      actions   = ["kms:CreateAlias", "kms:DeleteAlias", "kms:UpdateAlias"]
      resources = [local.named.key, local.named.key_alias]
      condition = null
    }
    # AWS knows no narrower resource for these.
    ChangeUnnamed = {
      actions = [
        "application-autoscaling:DeleteScalingPolicy", "application-autoscaling:DeregisterScalableTarget",
        "application-autoscaling:PutScalingPolicy", "application-autoscaling:RegisterScalableTarget",
        "application-autoscaling:TagResource", "ecs:DeregisterTaskDefinition", "ecs:RegisterTaskDefinition",
        "logs:CreateLogDelivery", "logs:DeleteLogDelivery",
      ]
      resources = ["*"]
      condition = null
    }
  }

  ci_roles = {
    # No role without the limit of ci_boundary.tf.
    MakeLimitedRoles = {
      actions = [
        "iam:AttachRolePolicy", "iam:CreateRole", "iam:DetachRolePolicy", "iam:PutRolePermissionsBoundary",
        "iam:PutRolePolicy",
      ]
      resources = [local.named.role]
      condition = { StringEquals = { "iam:PermissionsBoundary" = "${local.iam_arn}:policy/${local.global_name}-boundary" } }
    }
    ChangeRoles = {
      actions = [
        "iam:CreatePolicy", "iam:CreatePolicyVersion", "iam:DeletePolicy", "iam:DeletePolicyVersion", "iam:DeleteRole",
        "iam:DeleteRolePolicy", "iam:ListEntitiesForPolicy", "iam:ListInstanceProfilesForRole", "iam:TagPolicy",
        "iam:TagRole", "iam:UpdateAssumeRolePolicy", "iam:UpdateRole",
      ]
      resources = [local.named.policy, local.named.role]
      condition = null
    }
    ChangeIdentityProvider = {
      actions = [
        "iam:AddClientIDToOpenIDConnectProvider", "iam:CreateOpenIDConnectProvider", "iam:DeleteOpenIDConnectProvider",
        "iam:TagOpenIDConnectProvider",
      ]
      resources = [local.named.oidc]
      condition = null
    }
    PassRoles = local.pass_roles
    PassWarehouseRole = {
      actions   = ["iam:PassRole"]
      resources = ["${local.iam_arn}:role/${local.global_name}-warehouse"]
      condition = { StringEquals = { "iam:PassedToService" = ["redshift.amazonaws.com"] } }
    }
  }

  pass_roles = {
    actions   = ["iam:PassRole"]
    resources = [for role in ["execution", "processor", "task"] : "${local.iam_arn}:role/${local.global_name}-${role}"]
    condition = { StringEquals = { "iam:PassedToService" = ["ecs-tasks.amazonaws.com", "lambda.amazonaws.com"] } }
  }

  ci_deploy = {
    # The token is for the whole registry, a task definition has no name before
    # it is registered, metrics have none: AWS accepts no other resource.
    DeployUnnamed = {
      actions = [
        "cloudwatch:GetMetricData", "ecr:GetAuthorizationToken", "ecs:DescribeTaskDefinition", "ecs:RegisterTaskDefinition",
      ]
      resources = ["*"]
      condition = null
    }
    PushImage = {
      actions = [
        "ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:CompleteLayerUpload", "ecr:DescribeImageScanFindings",
        "ecr:DescribeImages", "ecr:DescribeRepositories", "ecr:GetDownloadUrlForLayer", "ecr:InitiateLayerUpload",
        "ecr:PutImage", "ecr:UploadLayerPart",
      ]
      resources = [local.named.registry]
      condition = null
    }
    Rollout = {
      actions = [
        "ecs:DescribeServiceDeployments", "ecs:DescribeServiceRevisions", "ecs:DescribeServices", "ecs:DescribeTasks",
        "ecs:ListServiceDeployments", "ecs:ListTasks", "ecs:StopServiceDeployment", "ecs:TagResource",
        "ecs:UpdateService",
      ]
      resources = [
        local.named.service,
        "arn:${local.partition}:ecs:${local.account_scope}:container-instance/${local.name}/*",
        "arn:${local.partition}:ecs:${local.account_scope}:service-deployment/${local.name}/*",
        "arn:${local.partition}:ecs:${local.account_scope}:service-revision/${local.name}/*",
        "arn:${local.partition}:ecs:${local.account_scope}:task/${local.name}/*",
        local.task_definition,
      ]
      condition = null
    }
    # The migration is a task of its own, of the service's family and in its cluster.
    Migrate = {
      actions   = ["ecs:RunTask"]
      resources = [local.task_definition]
      condition = { ArnEquals = { "ecs:cluster" = local.named.cluster } }
    }
    GiveUpMigration = {
      actions   = ["ecs:StopTask"]
      resources = ["arn:${local.partition}:ecs:${local.account_scope}:task/${local.name}/*"]
      condition = null
    }
    DeployFunction = {
      actions = [
        "lambda:DeleteFunction", "lambda:GetAlias", "lambda:GetFunction", "lambda:GetFunctionConfiguration",
        "lambda:InvokeFunction", "lambda:ListAliases", "lambda:ListVersionsByFunction", "lambda:PublishVersion",
        "lambda:UpdateAlias", "lambda:UpdateFunctionCode",
      ]
      resources = [local.named.function]
      condition = null
    }
    Watch = {
      actions   = ["cloudwatch:DescribeAlarms", "logs:FilterLogEvents", "logs:GetLogEvents"]
      resources = [local.named.alarm, local.named.log_group]
      condition = null
    }
    KeepRuns = {
      actions   = ["s3:GetObject", "s3:PutObject"]
      resources = ["${local.state_bucket}/runs/${var.environment}/*"]
      condition = null
    }
    Tell = {
      actions   = ["sns:Publish"]
      resources = [local.named.topic]
      condition = null
    }
    Record = {
      actions   = ["ssm:GetParameter", "ssm:GetParameterHistory", "ssm:PutParameter"]
      resources = [local.named.parameter]
      condition = null
    }
    UseKey = {
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = [local.named.key]
      condition = local.own_key
    }
    PassRoles = local.pass_roles
  }
}
