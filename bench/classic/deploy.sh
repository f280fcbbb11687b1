#!/usr/bin/env bash
# The five stages as a plain script with the tools that people use: go, crane, terraform
# and the AWS CLI. It runs in a checkout of the repository, with caches on, and the two
# deployments side by side. Each stage ends with a line: stage NAME OUTCOME SECONDS.
# The last line is the notification: what became of which commit.
#
# PROJECT, ENVIRONMENT, ACCOUNT and AWS_REGION say where to; REGISTRY is the host that
# the image is pushed to, and CRANE the command that pushes it.
set -euo pipefail

# What Terraform calls things in us-east-1 (infra/names.tf).
repository=$PROJECT-$ENVIRONMENT
family=$PROJECT-$ENVIRONMENT
cluster=$PROJECT-cluster-$ENVIRONMENT
service=$PROJECT-service-$ENVIRONMENT
function=$PROJECT-data-processor-$ENVIRONMENT
sha=$(git rev-parse HEAD)
tag=main-${sha:0:12}
out=$PWD/.classic
failed=0
mkdir -p "$out"

test_services() {
  (cd services && go test -race -covermode=atomic -coverprofile="$out/coverage.out" ./...)
}

compile() { # PROGRAM FILE
  (cd services && CGO_ENABLED=0 go build -trimpath -tags lambda.norpc \
    -ldflags "-s -w -X main.version=$tag -X main.commit=$sha" -o "$2" "./cmd/$1")
}

build_and_push() {
  compile api "$out/api"
  compile processor "$out/bootstrap"
  (cd "$out" && rm -f processor.zip && zip -q -X processor.zip bootstrap)
  if ! aws ecr describe-repositories --repository-names "$repository" >/dev/null 2>&1; then
    init
    terraform_with apply -auto-approve -target=aws_ecr_repository.api
  fi
  aws ecr get-login-password | $CRANE auth login "$REGISTRY" --username AWS --password-stdin
  tar --create --owner=0 --group=0 --mtime=@0 --file "$out/layer.tar" --directory "$out" api
  # crane says what an image starts only of one that is pushed.
  $CRANE append --insecure --oci-empty-base --new_layer "$out/layer.tar" --new_tag "$REGISTRY/$repository:build-$tag"
  $CRANE mutate --insecure --set-platform linux/amd64 --entrypoint /api --user 65532:65532 --exposed-ports 8080/tcp \
    --tag "$REGISTRY/$repository:$tag" "$REGISTRY/$repository:build-$tag"
  $CRANE tag --insecure "$REGISTRY/$repository:$tag" latest
  aws ecr wait image-scan-complete --repository-name "$repository" --image-id "imageTag=$tag"
  local critical
  critical=$(aws ecr describe-image-scan-findings --repository-name "$repository" --image-id "imageTag=$tag" \
    --query 'imageScanFindings.findingSeverityCounts.CRITICAL' --output text)
  [ "$critical" = None ] || [ "$critical" = 0 ]
}

init() {
  terraform -chdir=infra init -input=false -no-color -reconfigure \
    -backend-config="bucket=$PROJECT-tfstate-$ACCOUNT-$AWS_REGION" -backend-config="key=$ENVIRONMENT/terraform.tfstate" \
    -backend-config="region=$AWS_REGION" -backend-config="dynamodb_table=$PROJECT-tfstate-lock" "${BACKEND[@]}"
}

terraform_with() { # COMMAND ARGUMENT...
  terraform -chdir=infra "$@" -input=false -no-color -var-file="environments/$ENVIRONMENT.tfvars" \
    -var="project_name=$PROJECT" -var="aws_region=$AWS_REGION" -var="processor_zip=$out/processor.zip" \
    -var="api_image=$(image)" -var=architecture=X86_64 "${VARIABLES[@]}"
}

# The image by digest, once it is pushed.
image() {
  local uri digest
  uri=$(aws ecr describe-repositories --repository-names "$repository" --query 'repositories[0].repositoryUri' --output text 2>/dev/null) || return 0
  digest=$(aws ecr describe-images --repository-name "$repository" --image-ids "imageTag=$tag" --query 'imageDetails[0].imageDigest' --output text 2>/dev/null) || return 0
  echo "$uri@$digest"
}

provision() {
  init
  terraform -chdir=infra validate -no-color
  terraform_with plan -out="$out/plan"
  terraform -chdir=infra apply -input=false -no-color "$out/plan"
  terraform -chdir=infra output -json >"$out/outputs.json"
}

deploy_lambda() {
  local version
  aws lambda update-function-code --function-name "$function" --zip-file "fileb://$out/processor.zip" >/dev/null
  aws lambda wait function-updated --function-name "$function"
  version=$(aws lambda publish-version --function-name "$function" --query Version --output text)
  aws lambda update-alias --function-name "$function" --name PROD --function-version "$version" >/dev/null
}

deploy_ecs() {
  local revision
  aws ecs describe-task-definition --task-definition "$family" --query taskDefinition |
    jq --arg image "$(image)" '.containerDefinitions[0].image = $image
      | del(.taskDefinitionArn, .revision, .status, .requiresAttributes, .compatibilities, .registeredAt, .registeredBy)' \
      >"$out/task.json"
  revision=$(aws ecs register-task-definition --cli-input-json "file://$out/task.json" --query taskDefinition.taskDefinitionArn --output text)
  aws ecs update-service --cluster "$cluster" --service "$service" --task-definition "$revision" >/dev/null
  aws ecs wait services-stable --cluster "$cluster" --services "$service"
}

# Where the provider is told of an emulated AWS.
BACKEND=() VARIABLES=()
if [ -n "${AWS_ENDPOINT_URL:-}" ]; then
  BACKEND=(-backend-config=use_path_style=true -backend-config=skip_credentials_validation=true -backend-config=skip_requesting_account_id=true)
  VARIABLES=(-var=emulated=true -var=warehouse_url_parameter=/sensor-backend/warehouse-url -var=write_keys_parameter= -var=enable_redshift=false)
fi

# Runs a stage unless one before it failed. It is never called in a condition, in which
# bash goes on after a command that fails.
stage() { # NAME COMMAND
  local began code took
  [ "$failed" = 0 ] || return 0
  began=${EPOCHREALTIME/[.,]/}
  set +e
  (
    set -e
    "$2"
  ) >"$out/$1.log" 2>&1
  code=$?
  set -e
  if [ "$code" != 0 ]; then
    failed=1
    tail -n 30 "$out/$1.log" >&2
  fi
  took=$((${EPOCHREALTIME/[.,]/} - began))
  printf 'stage %s %s %d.%06d\n' "$1" "$([ "$code" = 0 ] && echo passed || echo failed)" $((took / 1000000)) $((took % 1000000))
}

stage test test_services
stage build build_and_push
stage infra provision
(
  stage lambda deploy_lambda
  exit "$failed"
) &
lambda=$!
(
  stage ecs deploy_ecs
  exit "$failed"
) &
ecs=$!
wait "$lambda" || failed=1
wait "$ecs" || failed=1
if [ "$failed" = 0 ]; then echo "main $sha: deployed"; else echo "main $sha: FAILED"; fi
exit "$failed"
