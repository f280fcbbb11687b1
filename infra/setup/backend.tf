# Bucket, key, region and the lock are given to `terraform init` by
# -backend-config: they differ per account and environment.
terraform {
  backend "s3" {
    encrypt = true
  }
}
