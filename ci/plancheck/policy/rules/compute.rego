package sensor

deny contains finding("ecs-insights", r) if {
	some r in of("aws_ecs_cluster")
	on := [s | some s in r.values.setting; s.name == "containerInsights"; s.value in ["enabled", "enhanced"]]
	count(on) == 0
}

deny contains finding("ecs-exec-logged", r) if {
	some r in of("aws_ecs_cluster")
	r.values.configuration[_].execute_command_configuration[_].logging == "NONE"
}

deny contains finding("ecs-no-public-address", r) if {
	some r in of("aws_ecs_service")
	r.values.network_configuration[0].assign_public_ip == true
}

deny contains finding("ecs-circuit-breaker", r) if {
	some r in of("aws_ecs_service")
	not goes_back(r)
}

goes_back(r) if {
	r.values.deployment_circuit_breaker[0].enable == true
	r.values.deployment_circuit_breaker[0].rollback == true
}

deny contains finding("ecs-rollback-alarms", r) if {
	some r in of("aws_ecs_service")
	not alarms_go_back(r)
}

alarms_go_back(r) if {
	r.values.alarms[0].enable == true
	r.values.alarms[0].rollback == true
	count(r.values.alarms[0].alarm_names) > 0
}

deny contains finding("task-read-only", c.resource) if {
	some c in containers
	not c.container.readonlyRootFilesystem == true
}

deny contains finding("task-unprivileged", c.resource) if {
	some c in containers
	c.container.privileged == true
}

deny contains finding("task-own-processes", r) if {
	some r in of("aws_ecs_task_definition")
	r.values.pid_mode == "host"
}

# The name alone counts: a secret's place is in `secrets`.
deny contains finding("task-no-secret-in-environment", c.resource) if {
	some c in containers
	some variable in c.container.environment
	regex.match(`(?i)(password|secret|token|api_key|private_key)`, variable.name)
}

deny contains finding("task-logged", c.resource) if {
	some c in containers
	not c.container.logConfiguration.logDriver
}

deny contains finding("task-two-roles", r) if {
	some r in of("aws_ecs_task_definition")
	not two_roles(r)
}

two_roles(r) if {
	given(r.values.execution_role_arn)
	given(r.values.task_role_arn)
	not same_role(r)
}

# Mocked and unknown roles all look alike.
same_role(r) if {
	r.values.execution_role_arn == r.values.task_role_arn
	not r.values.task_role_arn in ["(known after apply)", "arn:aws:iam::111122223333:role/role"]
}

deny contains finding("lambda-traced", r) if {
	some r in of("aws_lambda_function")
	not r.values.tracing_config[0].mode == "Active"
}

deny contains finding("lambda-bounded", r) if {
	some r in of("aws_lambda_function")
	r.values.reserved_concurrent_executions < 0
}

deny contains finding("lambda-dead-letters", r) if {
	some r in of("aws_lambda_function")
	not keeps_dead_letters(r)
}

keeps_dead_letters(r) if given(r.values.dead_letter_config[0].target_arn)

deny contains finding("lambda-own-key", r) if {
	some r in of("aws_lambda_function")
	count(r.values.environment) > 0
	not given(object.get(r.values, "kms_key_arn", null))
}

deny contains finding("lambda-no-secret-in-environment", r) if {
	some r in of("aws_lambda_function")
	some name, _ in r.values.environment[0].variables
	regex.match(`(?i)(password|secret|token|api_key|private_key)`, name)
}

deny contains finding("lambda-runtime", r) if {
	some r in of("aws_lambda_function")
	not r.values.runtime == "provided.al2023"
}

deny contains finding("lambda-network", r) if {
	some r in of("aws_lambda_function")
	count(object.get(r.values, "vpc_config", [])) == 0
}

deny contains finding("lambda-signed", r) if {
	some r in of("aws_lambda_function")
	not given(object.get(r.values, "code_signing_config_arn", null))
}

deny contains finding("lambda-caller", r) if {
	some r in of("aws_lambda_permission")
	not known_caller(r)
}

known_caller(r) if {
	given(r.values.source_arn)
	given(r.values.source_account)
	r.values.principal != "*"
}

warehouses := of("aws_redshift_cluster")

deny contains finding("redshift-own-key", r) if {
	some r in warehouses
	not warehouse_keyed(r)
}

warehouse_keyed(r) if {
	r.values.encrypted in [true, "true"]
	given(r.values.kms_key_id)
}

deny contains finding("redshift-private", r) if {
	some r in warehouses
	not r.values.publicly_accessible == false
}

deny contains finding("redshift-routing", r) if {
	some r in warehouses
	not r.values.enhanced_vpc_routing == true
}

deny contains finding("redshift-managed-password", r) if {
	some r in warehouses
	not r.values.manage_master_password == true
}

deny contains finding("redshift-names", r) if {
	some r in warehouses
	r.values.master_username in ["awsuser", "admin", "root"]
}

deny contains finding("redshift-names", r) if {
	some r in warehouses
	object.get(r.values, "database_name", "dev") in ["dev", null]
}

deny contains finding("redshift-snapshots", r) if {
	some r in warehouses
	not r.values.automated_snapshot_retention_period >= 7
}

deny contains finding("redshift-upgrades", r) if {
	some r in warehouses
	not r.values.allow_version_upgrade == true
}

deny contains finding("redshift-tls", r) if {
	some r in of("aws_redshift_parameter_group")
	required := [p | some p in r.values.parameter; p.name == "require_ssl"; p.value == "true"]
	count(required) == 0
}

deny contains finding("redshift-logged", r) if {
	some r in warehouses
	count(of("aws_redshift_logging")) == 0
}

# Without it the provider replaces a service whose capacity providers change.
deny contains finding("ecs-not-replaced", r) if {
	some r in of("aws_ecs_service")
	count(object.get(r.values, "capacity_provider_strategy", [])) > 0
	not r.values.force_new_deployment == true
}

# Spot has no fallback: without a base on demand nothing runs where Spot has run out.
deny contains finding("ecs-base-on-demand", r) if {
	some r in of("aws_ecs_service")
	strategy := object.get(r.values, "capacity_provider_strategy", [])
	spot := [s | some s in strategy; s.capacity_provider == "FARGATE_SPOT"; s.weight > 0]
	count(spot) > 0
	base := [s | some s in strategy; s.capacity_provider == "FARGATE"; s.base >= 1]
	count(base) == 0
}

deny contains finding("task-write-keys", c.resource) if {
	some c in containers
	count(object.get(c.container, "portMappings", [])) > 0
	some b in of("aws_lb")
	not b.values.internal == true
	keys := [s | some s in object.get(c.container, "secrets", []); s.name == "WRITE_KEYS_SHA256"]
	count(keys) == 0
}

# Redshift makes a log group that is not there itself, without a key and for ever.
deny contains finding("redshift-log-groups", r) if {
	some r in of("aws_redshift_logging")
	r.values.log_destination_type == "cloudwatch"
	some export in r.values.log_exports
	groups := [g | some g in of("aws_cloudwatch_log_group"); endswith(g.values.name, concat("", ["/", export]))]
	count(groups) == 0
}
