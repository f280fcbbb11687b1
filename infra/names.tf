# What things are called. Prod in us-east-1 has the names that its runbook uses; other
# environments and regions carry theirs at the end. The pipeline knows the same names
# (ci/target/names.go), and the stack in setup has this very file.

locals {
  name_suffix = join("", [
    var.environment == "prod" ? "" : "-${var.environment}",
    var.aws_region == "us-east-1" ? "" : "-${var.aws_region}",
  ])

  # The processor is called after what it works for, not after the API.
  name_stem = trimsuffix(var.project_name, "-backend")

  names = {
    # What has no name of its own below begins with one of these two: the second where
    # a name is the account's, not a region's (roles, policies, dashboard, budget).
    environment = "${var.project_name}-${var.environment}"
    everywhere  = "${var.project_name}-${var.environment}-${var.aws_region}"

    repository    = "${var.project_name}${local.name_suffix}"
    cluster       = "${var.project_name}-cluster${local.name_suffix}"
    service       = "${var.project_name}-service${local.name_suffix}"
    family        = "${var.project_name}${local.name_suffix}"
    function      = "${local.name_stem}-data-processor${local.name_suffix}"
    api_logs      = "/ecs/${var.project_name}${local.name_suffix}"
    function_logs = "/aws/lambda/${local.name_stem}-data-processor${local.name_suffix}"
  }

  # Short for the region, as AWS itself names zones by (use1-az2): with it the longest
  # name of a bucket fits.
  region_code = replace(replace(replace(replace(replace(replace(replace(
  var.aws_region, "north", "n"), "south", "s"), "east", "e"), "west", "w"), "central", "c"), "gov", "g"), "-", "")
}
