# The two commands are `make deploy` and `make test`. Both set up what they
# need and can be interrupted and run again.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

bootstrap := go run ./bootstrap

# A sensor file for the smoke test; without one the seeded generator makes it.
READINGS ?= $(wildcard ../shared/data/nab/machine_temperature_system_failure.csv)
readings := $(if $(READINGS),--readings "$(READINGS)")

# Runs a program with a usable Dagger at hand and says its name and its time. Where
# nobody looks on, it shows the pipeline's own lines; all of the output is in a file.
step := $(bootstrap) step

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

.PHONY: engine
engine: ## Make sure of a usable Dagger engine
	@$(bootstrap) up

.PHONY: deploy
deploy: engine ## Run the five stages against an emulated AWS
	@$(step) deploy dagger call deploy $(readings)

.PHONY: test
test: engine ## Run every test
	@$(step) gates dagger call check
	@$(step) services dagger call test
	@$(step) modules dagger call test-modules
	@$(step) 'emulated AWS' dagger call test-emulator
	@$(step) deployers dagger call test-rollout
	@$(step) 'pipeline end to end' env --chdir=ci/e2e GOWORK=off READINGS="$(abspath $(READINGS))" \
		go tool gotestsum --format=testname --hide-summary=skipped -- -tags=e2e -count=1 -parallel=3 -timeout=60m ./...

.PHONY: lint
lint: engine ## Lint Go, workflows and Terraform
	@$(step) lint dagger call lint

.PHONY: bench
bench: ## Measure ingest, queries, the processor and starts
	@cd services && go test -run '^$$' -bench . ./internal/processor ./internal/httpapi ./internal/reading ./cmd/...

.PHONY: bench-pipeline
bench-pipeline: engine ## Measure deploys beside a plain script that does the same
	@cd bench && GOWORK=off go run .

.PHONY: down
down: ## Stop what `engine` started
	@$(bootstrap) down
