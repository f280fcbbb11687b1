# What applying and deploying change.

locals {
  ci_statements = {
    read     = local.ci_read
    look     = local.ci_look
    state    = local.ci_state
    records  = local.ci_records
    network  = local.ci_network
    services = local.ci_services
    storage  = local.ci_storage
    roles    = local.ci_roles
    deploy   = merge(local.ci_look_deploy, local.ci_deploy)
    smoke    = local.ci_smoke
    ready    = local.ci_ready
  }

  task_definition = "arn:${local.partition}:ecs:${local.account_scope}:task-definition/${local.names.family}:*"

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
        "ec2:DeleteVpcEndpoints", "ec2:DetachInternetGateway", "ec2:DisassociateAddress",
        "ec2:DisassociateRouteTable", "ec2:ModifySecurityGroupRules",
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
        "budgets:ModifyBudget", "budgets:TagResource", "budgets:UntagResource", "cloudwatch:DeleteAlarms", "cloudwatch:DeleteDashboards",
        "cloudwatch:PutDashboard", "cloudwatch:PutMetricAlarm", "cloudwatch:TagResource", "cloudwatch:UntagResource", "dynamodb:CreateTable",
        "dynamodb:DeleteTable", "dynamodb:TagResource", "dynamodb:UntagResource", "dynamodb:UpdateContinuousBackups", "dynamodb:UpdateTable",
        "dynamodb:UpdateTimeToLive", "ecr:CreateRepository", "ecr:DeleteLifecyclePolicy", "ecr:DeleteRepository",
        "ecr:PutImageScanningConfiguration", "ecr:PutImageTagMutability", "ecr:PutLifecyclePolicy", "ecr:TagResource", "ecr:UntagResource",
        "ecs:CreateCluster", "ecs:CreateService", "ecs:DeleteCluster", "ecs:DeleteService",
        "ecs:PutClusterCapacityProviders", "ecs:TagResource", "ecs:UntagResource", "ecs:UpdateCluster", "ecs:UpdateService",
        "lambda:AddPermission", "lambda:CreateAlias", "lambda:CreateFunction", "lambda:DeleteAlias",
        "lambda:DeleteFunction", "lambda:DeleteFunctionConcurrency", "lambda:DeleteFunctionEventInvokeConfig",
        "lambda:PublishVersion", "lambda:PutFunctionConcurrency", "lambda:PutFunctionEventInvokeConfig",
        "lambda:RemovePermission", "lambda:TagResource", "lambda:UntagResource", "lambda:UpdateAlias", "lambda:UpdateFunctionCode",
        "lambda:UpdateFunctionConfiguration", "logs:AssociateKmsKey", "logs:CreateLogGroup", "logs:DeleteLogGroup",
        "logs:PutRetentionPolicy", "logs:TagResource", "logs:UntagResource", "sns:CreateTopic", "sns:DeleteTopic", "sns:SetTopicAttributes",
        "sns:Subscribe", "sns:TagResource", "sns:Unsubscribe", "sns:UntagResource", "sqs:CreateQueue", "sqs:DeleteQueue",
        "sqs:SetQueueAttributes", "sqs:TagQueue", "sqs:UntagQueue",
      ]
      resources = flatten([for kind in [
        "alarm", "budget", "cluster", "dashboard", "function", "log_group", "queue", "registry", "service", "table", "topic",
      ] : local.named[kind]])
      condition = null
    }
    # What destroy removes besides Terraform's own, and the tags of task definitions.
    RemoveRecords = {
      actions   = ["ecs:DeleteTaskDefinitions", "ecs:TagResource", "ecs:UntagResource", "ssm:DeleteParameter"]
      resources = [local.task_definition, local.named.parameter]
      condition = null
    }
    # Application Auto Scaling makes its alarms with the caller's rights.
    ScaleByAlarms = {
      actions   = ["cloudwatch:DeleteAlarms", "cloudwatch:DescribeAlarms", "cloudwatch:PutMetricAlarm"]
      resources = ["arn:${local.partition}:cloudwatch:${local.account_scope}:alarm:TargetTracking-service/${local.names.cluster}/${local.names.service}-*"]
      condition = null
    }
    # Private names of interface endpoints lie in zones of AWS, which have no name here.
    NameEndpoints = {
      actions   = ["route53:AssociateVPCWithHostedZone"]
      resources = ["arn:${local.partition}:route53:::hostedzone/*"]
      condition = null
    }
    # AWS knows no narrower resource for these.
    ChangeUnnamed = {
      actions = [
        "application-autoscaling:DeleteScalingPolicy", "application-autoscaling:DeregisterScalableTarget",
        "application-autoscaling:PutScalingPolicy", "application-autoscaling:RegisterScalableTarget",
        "application-autoscaling:TagResource", "application-autoscaling:UntagResource", "ecs:DeregisterTaskDefinition",
        "ecs:ListTaskDefinitions", "ecs:RegisterTaskDefinition",
        "logs:CreateLogDelivery", "logs:DeleteLogDelivery",
      ]
      resources = ["*"]
      condition = null
    }
  }

  ci_storage = {
    ChangeBuckets = {
      actions = [
        "s3:CreateBucket", "s3:DeleteBucket", "s3:DeleteBucketPolicy", "s3:PutBucketLogging",
        "s3:PutBucketNotification", "s3:PutBucketOwnershipControls", "s3:PutBucketPolicy",
        "s3:PutBucketPublicAccessBlock", "s3:PutBucketTagging", "s3:PutBucketVersioning",
        "s3:PutEncryptionConfiguration", "s3:PutLifecycleConfiguration", "s3:PutMetricsConfiguration", "s3:TagResource",
        "s3:UntagResource",
      ]
      resources = [local.named.bucket]
      condition = null
    }
    # A bucket goes only when it is empty: force_destroy removes every version.
    EmptyBuckets = {
      actions   = ["s3:DeleteObject", "s3:DeleteObjectVersion", "s3:ListBucketVersions"]
      resources = [local.named.bucket, "${local.named.bucket}/*"]
      condition = null
    }
    # Redshift makes and keeps its administrator's password with the caller's rights.
    KeepWarehousePassword = {
      actions = [
        "secretsmanager:CreateSecret", "secretsmanager:DeleteSecret", "secretsmanager:DescribeSecret",
        "secretsmanager:RotateSecret", "secretsmanager:TagResource", "secretsmanager:UpdateSecret",
      ]
      resources = ["arn:${local.partition}:secretsmanager:${local.account_scope}:secret:redshift!${local.name}-warehouse-*"]
      condition = null
    }
    # A key has no name of its own: what is new carries our tags, what is there our alias.
    MakeKey = {
      actions   = ["kms:CreateKey", "kms:TagResource"]
      resources = ["*"]
      condition = { StringEquals = { "aws:RequestTag/Project" = var.project_name, "aws:RequestTag/Environment" = var.environment } }
    }
    # The reads as well: a key that was just made has tags and no alias yet.
    ChangeKey = {
      actions = [
        "kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:EnableKeyRotation", "kms:Encrypt", "kms:GenerateDataKey",
        "kms:GetKeyPolicy", "kms:GetKeyRotationStatus", "kms:ListResourceTags", "kms:PutKeyPolicy", "kms:ScheduleKeyDeletion",
        "kms:TagResource", "kms:UntagResource", "kms:UpdateKeyDescription",
      ]
      resources = [local.named.key]
      condition = { StringEquals = { "aws:ResourceTag/Project" = var.project_name, "aws:ResourceTag/Environment" = var.environment } }
    }
    NameKey = {
      actions   = ["kms:CreateAlias", "kms:DeleteAlias", "kms:UpdateAlias"]
      resources = [local.named.key, local.named.key_alias]
      condition = null
    }
  }

  # No role without the limit of boundary.tf, and none of CI's: those, their
  # policies, the limit and the identity provider are an administrator's.
  ci_roles = {
    MakeLimitedRoles = {
      actions   = local.limited_role_actions
      resources = local.service_roles
      condition = local.has_boundary
    }
    ChangeRoles = {
      actions   = concat(local.own_role_actions, ["iam:ListInstanceProfilesForRole"])
      resources = local.service_roles
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
    # it is registered, metrics have none, target groups and log groups are found
    # by listing: AWS accepts no other resource.
    DeployUnnamed = {
      actions = [
        "cloudwatch:GetMetricData", "ecr:GetAuthorizationToken", "ecs:DescribeTaskDefinition", "ecs:RegisterTaskDefinition",
        "elasticloadbalancing:DescribeTargetGroups", "elasticloadbalancing:DescribeTargetHealth", "logs:DescribeLogGroups",
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
        "arn:${local.partition}:ecs:${local.account_scope}:container-instance/${local.names.cluster}/*",
        "arn:${local.partition}:ecs:${local.account_scope}:service-deployment/${local.names.cluster}/*",
        "arn:${local.partition}:ecs:${local.account_scope}:service-revision/${local.names.cluster}/*",
        "arn:${local.partition}:ecs:${local.account_scope}:task/${local.names.cluster}/*",
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
      resources = ["arn:${local.partition}:ecs:${local.account_scope}:task/${local.names.cluster}/*"]
      condition = null
    }
    DeployFunction = {
      actions = [
        "lambda:CreateAlias", "lambda:GetAlias", "lambda:GetFunction", "lambda:GetFunctionConfiguration",
        "lambda:GetProvisionedConcurrencyConfig", "lambda:InvokeFunction", "lambda:ListAliases",
        "lambda:ListVersionsByFunction", "lambda:PublishVersion", "lambda:UpdateAlias", "lambda:UpdateFunctionCode",
      ]
      resources = local.named.function
      condition = null
    }
    # Old versions, which follow the function's name after a colon; never the function itself.
    PruneVersions = {
      actions   = ["lambda:DeleteFunction"]
      resources = ["arn:${local.partition}:lambda:${local.account_scope}:function:${local.names.function}:*"]
      condition = null
    }
    UseKey = {
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = [local.named.key]
      condition = local.own_key
    }
    PassRoles = local.pass_roles
    # Before a deploy: do the roles exist, and may this one pass them?
    CheckRoles = {
      actions   = ["iam:GetRole", "iam:SimulatePrincipalPolicy"]
      resources = concat(local.service_roles, ["${local.iam_arn}:role/${local.global_name}-ci-*"])
      condition = null
    }
  }

  # A deploy reads the outputs from the state, which it cannot write.
  ci_look_deploy = { for name in ["FindState", "ReadState", "FindLocks", "ReadLocks"] : name => local.ci_look[name] }

  # The smoke test drops a file and looks at all that becomes of it.
  ci_smoke = {
    DropFile = {
      actions   = ["s3:PutObject"]
      resources = ["arn:${local.partition}:s3:::${local.name}-source-*/incoming/smoke-*"]
      condition = null
    }
    SeeResult = {
      actions   = ["s3:GetObject"]
      resources = ["arn:${local.partition}:s3:::${local.name}-processed-*/processed/*"]
      condition = null
    }
    SeeRow = {
      actions   = ["dynamodb:GetItem"]
      resources = [local.named.table]
      condition = null
    }
    # A queue of the run's own, which is removed in the end.
    HearAlerts = {
      actions = [
        "sqs:CreateQueue", "sqs:DeleteQueue", "sqs:GetQueueAttributes", "sqs:ReceiveMessage", "sqs:SetQueueAttributes",
      ]
      resources = ["arn:${local.partition}:sqs:${local.account_scope}:smoke-*-alerts"]
      condition = null
    }
    SubscribeToAlerts = {
      actions   = ["sns:Subscribe", "sns:Unsubscribe"]
      resources = ["arn:${local.partition}:sns:${local.account_scope}:${local.name}-alerts", "arn:${local.partition}:sns:${local.account_scope}:${local.name}-alerts:*"]
      condition = null
    }
  }
}
