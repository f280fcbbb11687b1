package main

const (
	infraDir = "/infra"
	// planDir is memory: a plan holds every value in plain text, and what lies
	// in a container's file system stays in the engine's cache.
	planDir  = "/run/terraform"
	planFile = planDir + "/plan"
)

// The scripts of one run, for sh -e. Their standard output is messages in the
// manner of Terraform's -json. No plan is applied that plancheck has not seen;
// its settings come in PLAN_WHERE and PLAN_LOSE_DATA.
const (
	openState = `terraform init -input=false -no-color -reconfigure -backend-config=/backend.tfbackend >&2
`
	initialize = openState + `terraform validate -no-color >&2
`
	makePlan = `terraform plan -input=false -json -out=` + planFile + `
`
	showPlan = `terraform show -json ` + planFile + ` >` + planFile + `.json
`
	checkPlan = showPlan + `plancheck check $PLAN_WHERE $PLAN_LOSE_DATA <` + planFile + `.json
`
	applyPlan = `terraform apply -input=false -json ` + planFile + `
`

	// Losing data is for whoever applies to allow; a plan only shows it.
	planAndSave = initialize + makePlan + showPlan +
		`plancheck check $PLAN_WHERE --lose-data <` + planFile + `.json
plancheck save -place "$PLANS" ` + planFile + `
`
	planAndApply  = initialize + makePlan + checkPlan + applyPlan
	fetchAndApply = initialize + `plancheck fetch -place "$PLANS" "$PLAN_ID" ` + planFile + `
` + checkPlan + applyPlan

	// repositoryOnly makes what the first push needs, before the rest can be
	// applied because it needs the image.
	repositoryOnly = initialize +
		`terraform plan -input=false -json -out=` + planFile + ` -target=aws_ecr_repository.api -target=aws_ecr_lifecycle_policy.api
` + checkPlan + applyPlan

	// findDrift takes no lock: it changes nothing, and must not keep a deploy out.
	findDrift = initialize + `terraform plan -input=false -json -lock=false -out=` + planFile + `
` + showPlan + `plancheck drift <` + planFile + `.json
`
	destroyAll = initialize + `terraform plan -destroy -input=false -json -out=` + planFile + `
` + applyPlan

	printOutputs = openState + `terraform output -json
`
)
