package main

// The images and tools the pipeline runs in, all pinned; the service images
// that are built from scratch need none.
const (
	golangImage    = "golang:1.26-bookworm"
	postgresImage  = "postgres:17-trixie"
	terraformImage = "hashicorp/terraform:1.11.4"
	motoImage      = "motoserver/moto:5.2.4"

	golangciLint = "github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0"
	actionlint   = "github.com/rhysd/actionlint/cmd/actionlint@v1.7.12"
	govulncheck  = "golang.org/x/vuln/cmd/govulncheck@v1.9.0"
	gitleaks     = "github.com/zricethezav/gitleaks/v8@v8.30.1"
	syft         = "github.com/anchore/syft/cmd/syft@v1.57.0"
	grype        = "github.com/anchore/grype/cmd/grype@v0.121.2"
)
