#!/usr/bin/env bash
# Makes, once, what an administrator makes for an environment: the bucket and the lock
# table of the state, and the limit of its roles.
set -euo pipefail

bucket=$PROJECT-tfstate-$ACCOUNT-$AWS_REGION
table=$PROJECT-tfstate-lock
aws s3api head-bucket --bucket "$bucket" 2>/dev/null || aws s3 mb "s3://$bucket" >/dev/null
aws s3api put-bucket-versioning --bucket "$bucket" --versioning-configuration Status=Enabled
aws dynamodb describe-table --table-name "$table" >/dev/null 2>&1 ||
  aws dynamodb create-table --table-name "$table" --billing-mode PAY_PER_REQUEST \
    --attribute-definitions AttributeName=LockID,AttributeType=S --key-schema AttributeName=LockID,KeyType=HASH >/dev/null

backend=() emulated=false
if [ -n "${AWS_ENDPOINT_URL:-}" ]; then
  backend=(-backend-config=use_path_style=true -backend-config=skip_credentials_validation=true -backend-config=skip_requesting_account_id=true)
  emulated=true
fi
terraform -chdir=infra/setup init -input=false -no-color -reconfigure \
  -backend-config="bucket=$bucket" -backend-config="key=setup/$ENVIRONMENT.tfstate" \
  -backend-config="region=$AWS_REGION" -backend-config="dynamodb_table=$table" "${backend[@]}"
terraform -chdir=infra/setup apply -input=false -no-color -auto-approve -var="project_name=$PROJECT" \
  -var="environment=$ENVIRONMENT" -var="aws_region=$AWS_REGION" -var="emulated=$emulated"
