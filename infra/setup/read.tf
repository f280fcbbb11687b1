# What planning reads: the state, and everything the state names.

locals {
  # Where the pipeline keeps the state (setup-backend).
  state_bucket = "arn:${local.partition}:s3:::${var.project_name}-tfstate-${local.account_id}-${var.aws_region}"
  state_object = "${local.state_bucket}/${var.environment}/terraform.tfstate"
  state_table  = "arn:${local.partition}:dynamodb:${local.account_scope}:table/${var.project_name}-tfstate-lock"

  named = {
    alarm     = "arn:${local.partition}:cloudwatch:${local.account_scope}:alarm:${local.name}-*"
    bucket    = "arn:${local.partition}:s3:::${local.name}-*-${local.account_id}-${local.region_code}"
    cluster   = "arn:${local.partition}:ecs:${local.account_scope}:cluster/${local.names.cluster}"
    dashboard = "arn:${local.partition}:cloudwatch::${local.account_id}:dashboard/${local.global_name}"
    # The function itself, and its versions and aliases.
    function  = [for qualifier in ["", ":*"] : "arn:${local.partition}:lambda:${local.account_scope}:function:${local.names.function}${qualifier}"]
    key       = "arn:${local.partition}:kms:${local.account_scope}:key/*"
    key_alias = "arn:${local.partition}:kms:${local.account_scope}:alias/${local.name}"
    # A log group by either form of its ARN. Redshift chooses the names of its own.
    log_group = concat(
      flatten([for group in [local.names.api_logs, local.names.function_logs] : [
        for rest in ["", ":*"] : "arn:${local.partition}:logs:${local.account_scope}:log-group:${group}${rest}"
      ]]),
      ["arn:${local.partition}:logs:${local.account_scope}:log-group:/aws/redshift/cluster/${local.name}-warehouse/*"],
    )
    policy    = "${local.iam_arn}:policy/${local.global_name}-*"
    queue     = "arn:${local.partition}:sqs:${local.account_scope}:${local.name}-*"
    registry  = "arn:${local.partition}:ecr:${local.account_scope}:repository/${local.names.repository}"
    role      = "${local.iam_arn}:role/${local.global_name}-*"
    service   = "arn:${local.partition}:ecs:${local.account_scope}:service/${local.names.cluster}/*"
    table     = "arn:${local.partition}:dynamodb:${local.account_scope}:table/${local.name}-*"
    topic     = "arn:${local.partition}:sns:${local.account_scope}:${local.name}-*"
    oidc      = "${local.iam_arn}:oidc-provider/${local.github_host}"
    budget    = "arn:${local.partition}:budgets::${local.account_id}:budget/${local.global_name}"
    parameter = "arn:${local.partition}:ssm:${local.account_scope}:parameter/${var.project_name}/${var.environment}/*"
  }

  own_key = { "ForAnyValue:StringEquals" = { "kms:ResourceAliases" = "alias/${local.name}" } }

  ci_read = {
    ReadNamed = {
      actions = [
        "budgets:ListTagsForResource", "budgets:ViewBudget", "cloudwatch:DescribeAlarms", "cloudwatch:GetDashboard",
        "cloudwatch:ListTagsForResource", "dynamodb:DescribeContinuousBackups", "dynamodb:DescribeTable",
        "dynamodb:DescribeTimeToLive", "dynamodb:ListTagsOfResource", "ecr:DescribeImages", "ecr:DescribeRepositories",
        "ecr:GetLifecyclePolicy", "ecr:ListTagsForResource", "ecs:DescribeClusters", "ecs:DescribeServices",
        "ecs:ListTagsForResource", "iam:GetOpenIDConnectProvider", "iam:GetPolicy", "iam:GetPolicyVersion",
        "iam:GetRole", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies", "iam:ListPolicyVersions",
        "iam:ListRolePolicies", "lambda:GetAlias", "lambda:GetFunction", "lambda:GetFunctionCodeSigningConfig",
        "lambda:GetFunctionConcurrency", "lambda:GetFunctionConfiguration", "lambda:GetFunctionEventInvokeConfig",
        "lambda:GetPolicy", "lambda:ListTags", "lambda:ListVersionsByFunction", "logs:ListTagsForResource",
        "sns:GetSubscriptionAttributes", "sns:GetTopicAttributes", "sns:ListTagsForResource", "sqs:GetQueueAttributes",
        "sqs:GetQueueUrl", "sqs:ListQueueTags",
      ]
      resources = flatten([for kind in [
        "alarm", "budget", "cluster", "dashboard", "function", "log_group", "oidc", "policy", "queue", "registry", "role",
        "service", "table", "topic",
      ] : local.named[kind]])
      condition = null
    }
    ReadBuckets = {
      actions = [
        "s3:GetAccelerateConfiguration", "s3:GetBucketAcl", "s3:GetBucketCORS", "s3:GetBucketLocation",
        "s3:GetBucketLogging", "s3:GetBucketNotification", "s3:GetBucketObjectLockConfiguration",
        "s3:GetBucketOwnershipControls", "s3:GetBucketPolicy", "s3:GetBucketPublicAccessBlock",
        "s3:GetBucketRequestPayment", "s3:GetBucketTagging", "s3:GetBucketVersioning", "s3:GetBucketWebsite",
        "s3:GetEncryptionConfiguration", "s3:GetLifecycleConfiguration", "s3:GetMetricsConfiguration",
        "s3:GetReplicationConfiguration", "s3:ListBucket", "s3:ListTagsForResource",
      ]
      resources = [local.named.bucket]
      condition = null
    }
    ReadKey = {
      actions   = ["kms:DescribeKey", "kms:GetKeyPolicy", "kms:GetKeyRotationStatus", "kms:ListResourceTags"]
      resources = [local.named.key]
      condition = local.own_key
    }
    # Terraform compares a table's key with DynamoDB's own.
    ReadDefaultKey = {
      actions   = ["kms:DescribeKey"]
      resources = [local.named.key]
      condition = { "ForAnyValue:StringEquals" = { "kms:ResourceAliases" = "alias/aws/dynamodb" } }
    }
    # AWS knows no narrower resource for these: they list, and show no content.
    ReadUnnamed = {
      actions = [
        "application-autoscaling:DescribeScalableTargets", "application-autoscaling:DescribeScalingPolicies",
        "application-autoscaling:ListTagsForResource", "ec2:DescribeAddresses", "ec2:DescribeAddressesAttribute",
        "ec2:DescribeAvailabilityZones", "ec2:DescribeFlowLogs", "ec2:DescribeInternetGateways",
        "ec2:DescribeManagedPrefixLists", "ec2:DescribeNatGateways", "ec2:DescribeNetworkAcls",
        "ec2:DescribeNetworkInterfaces", "ec2:DescribePrefixLists", "ec2:DescribeRouteTables",
        "ec2:DescribeSecurityGroupRules", "ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeTags",
        "ec2:DescribeVpcAttribute", "ec2:DescribeVpcEndpoints", "ec2:DescribeVpcs", "ecs:DescribeTaskDefinition",
        "elasticloadbalancing:DescribeCapacityReservation", "elasticloadbalancing:DescribeListenerAttributes",
        "elasticloadbalancing:DescribeListeners", "elasticloadbalancing:DescribeLoadBalancerAttributes",
        "elasticloadbalancing:DescribeLoadBalancers", "elasticloadbalancing:DescribeTags",
        "elasticloadbalancing:DescribeTargetGroupAttributes", "elasticloadbalancing:DescribeTargetGroups",
        "elasticloadbalancing:DescribeTargetHealth", "kms:ListAliases", "logs:DescribeLogGroups",
        "redshift:DescribeClusterParameterGroups", "redshift:DescribeClusterParameters",
        "redshift:DescribeClusterSubnetGroups", "redshift:DescribeClusters", "redshift:DescribeLoggingStatus",
      ]
      resources = ["*"]
      condition = null
    }
  }

  # One table holds the locks of every environment, by key: Terraform's own two
  # items (S3 backend, "DynamoDB State Locking") and the pipeline's deploy lock.
  lock_key        = "${trimprefix(local.state_bucket, "arn:${local.partition}:s3:::")}/${var.environment}/terraform.tfstate"
  digest_key      = "${local.lock_key}-md5"
  deploy_lock_key = "deploy/${local.name}"

  # Reading the state, keeping others out meanwhile, and keeping the plan.
  ci_look = {
    FindState = {
      actions   = ["s3:ListBucket"]
      resources = [local.state_bucket]
      condition = null
    }
    ReadState = {
      actions   = ["s3:GetObject"]
      resources = [local.state_object]
      condition = null
    }
    KeepPlans = {
      actions   = ["s3:GetObject", "s3:PutObject"]
      resources = ["${local.state_bucket}/plans/${var.environment}/*"]
      condition = null
    }
    LockState = {
      actions   = ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"]
      resources = ["${local.state_object}.tflock"]
      condition = null
    }
    FindLocks = {
      actions   = ["dynamodb:DescribeTable"]
      resources = [local.state_table]
      condition = null
    }
    ReadLocks = {
      actions   = ["dynamodb:GetItem"]
      resources = [local.state_table]
      condition = { "ForAllValues:StringEquals" = { "dynamodb:LeadingKeys" = [local.lock_key, local.digest_key, local.deploy_lock_key] } }
    }
    LockStateInTable = {
      actions   = ["dynamodb:DeleteItem", "dynamodb:PutItem"]
      resources = [local.state_table]
      condition = { "ForAllValues:StringEquals" = { "dynamodb:LeadingKeys" = [local.lock_key] } }
    }
    # Terraform asks for the function's environment, which AWS shows only to who may decrypt it.
    ReadEncrypted = {
      actions   = ["kms:Decrypt"]
      resources = [local.named.key]
      condition = local.own_key
    }
  }

  # What a look at the account reads before a deploy (preflight).
  ci_ready = {
    # Quotas, and what is there of what they limit, have no resource to name.
    LookUnnamed = {
      actions = [
        "ec2:DescribeAddresses", "ec2:DescribeVpcs", "iam:ListRoles", "lambda:GetAccountSettings",
        "servicequotas:GetAWSDefaultServiceQuota", "servicequotas:GetServiceQuota",
      ]
      resources = ["*"]
      condition = null
    }
    LookAtState = {
      actions   = ["s3:GetBucketVersioning"]
      resources = [local.state_bucket]
      condition = null
    }
    LookAtCertificates = {
      actions   = ["acm:DescribeCertificate"]
      resources = ["arn:${local.partition}:acm:${local.account_scope}:certificate/*"]
      condition = null
    }
    LookAtTrust = {
      actions   = ["iam:GetOpenIDConnectProvider"]
      resources = [local.named.oidc]
      condition = null
    }
    LookAtSubscriptions = {
      actions   = ["sns:ListSubscriptionsByTopic"]
      resources = [local.named.topic]
      condition = null
    }
  }

  # Writing the state, and one deploy at a time.
  ci_state = {
    WriteState = {
      actions   = ["s3:PutObject"]
      resources = [local.state_object]
      condition = null
    }
    # The digest of the state that Terraform writes beside it.
    WriteDigest = {
      actions   = ["dynamodb:DeleteItem", "dynamodb:PutItem"]
      resources = [local.state_table]
      condition = { "ForAllValues:StringEquals" = { "dynamodb:LeadingKeys" = [local.digest_key] } }
    }
  }

  # The deploy lock, which its holder renews, what was deployed, and what is seen and said of it.
  ci_records = {
    DeployLock = {
      actions   = ["dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]
      resources = [local.state_table]
      condition = { "ForAllValues:StringEquals" = { "dynamodb:LeadingKeys" = [local.deploy_lock_key] } }
    }
    KeepDeployments = {
      actions   = ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"]
      resources = ["${local.state_bucket}/deployments/${var.environment}/*"]
      condition = null
    }
    # Events that the processor failed on are handed to it again (redrive).
    HandOver = {
      actions   = ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:ReceiveMessage"]
      resources = [local.named.queue]
      condition = null
    }
    KeepRuns = {
      actions   = ["s3:GetObject", "s3:PutObject"]
      resources = ["${local.state_bucket}/runs/${var.environment}/*", "${local.state_bucket}/runs/none/*"]
      condition = null
    }
    Watch = {
      actions   = ["cloudwatch:DescribeAlarms", "logs:FilterLogEvents", "logs:GetLogEvents"]
      resources = concat([local.named.alarm], local.named.log_group)
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
  }
}
