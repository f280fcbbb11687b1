# A tag names one image for ever, except `latest` and `running`, which move.
# Nothing runs by tag: deployments name the image by its digest.
resource "aws_ecr_repository" "api" {
  name                 = local.names.repository
  image_tag_mutability = "IMMUTABLE_WITH_EXCLUSION"
  force_delete         = !local.protected

  image_tag_mutability_exclusion_filter {
    filter_type = "WILDCARD"
    filter      = "latest"
  }

  image_tag_mutability_exclusion_filter {
    filter_type = "WILDCARD"
    filter      = "running"
  }

  image_scanning_configuration {
    scan_on_push = true
  }

  encryption_configuration {
    encryption_type = "KMS"
    kms_key         = aws_kms_key.main.arn
  }
}

resource "aws_ecr_lifecycle_policy" "api" {
  repository = aws_ecr_repository.api.name

  policy = jsonencode({
    rules = [
      {
        # The pipeline moves this tag to what it has deployed. A rule below cannot
        # expire an image that this one selects (Amazon ECR User Guide, "How a
        # lifecycle policy works"), and one image never exceeds the count. It is a
        # pattern, as a prefix would also select images of a branch running-x.
        rulePriority = 1
        description  = "Keep what runs"
        selection = {
          tagStatus      = "tagged"
          tagPatternList = ["running"]
          countType      = "imageCountMoreThan"
          countNumber    = 1
        }
        action = { type = "expire" }
      },
      {
        rulePriority = 2
        description  = "Drop untagged images after a week"
        selection = {
          tagStatus   = "untagged"
          countType   = "sinceImagePushed"
          countUnit   = "days"
          countNumber = 7
        }
        action = { type = "expire" }
      },
      {
        # Its own rule, so that a busy develop never pushes out the images
        # main may have to be rolled back to.
        rulePriority = 3
        description  = "Keep the last 20 images of develop"
        selection = {
          tagStatus     = "tagged"
          tagPrefixList = ["develop-"]
          countType     = "imageCountMoreThan"
          countNumber   = 20
        }
        action = { type = "expire" }
      },
      {
        rulePriority = 4
        description  = "Keep the last 50 images of main"
        selection = {
          tagStatus     = "tagged"
          tagPrefixList = ["main-"]
          countType     = "imageCountMoreThan"
          countNumber   = 50
        }
        action = { type = "expire" }
      },
      {
        # What is said of an image lies beside it as an image of its own, and
        # stays for longer than any image above.
        rulePriority = 5
        description  = "Keep the last 100 attestations"
        selection = {
          tagStatus     = "tagged"
          tagPrefixList = ["sha256-"]
          countType     = "imageCountMoreThan"
          countNumber   = 100
        }
        action = { type = "expire" }
      },
      {
        # Of branches that were deployed by hand; what a rule above selects, this
        # one cannot expire.
        rulePriority = 6
        description  = "Drop images with any other tag after 90 days"
        selection = {
          tagStatus      = "tagged"
          tagPatternList = ["*"]
          countType      = "sinceImagePushed"
          countUnit      = "days"
          countNumber    = 90
        }
        action = { type = "expire" }
      },
    ]
  })
}
