#!/usr/bin/env bash
# Makes the bucket and the lock table of the state, once.
set -euo pipefail

bucket=$PROJECT-tfstate-$ACCOUNT-$AWS_REGION
aws s3api head-bucket --bucket "$bucket" 2>/dev/null || aws s3 mb "s3://$bucket" >/dev/null
aws s3api put-bucket-versioning --bucket "$bucket" --versioning-configuration Status=Enabled
aws dynamodb describe-table --table-name "$PROJECT-tfstate-lock" >/dev/null 2>&1 ||
  aws dynamodb create-table --table-name "$PROJECT-tfstate-lock" --billing-mode PAY_PER_REQUEST \
    --attribute-definitions AttributeName=LockID,AttributeType=S --key-schema AttributeName=LockID,KeyType=HASH >/dev/null
