# The two commands are `make deploy` and `make test`. Both set up what they
# need and can be interrupted and run again.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

bootstrap := go run ./bootstrap

# A sensor file for the smoke test; without one the seeded generator makes it.
READINGS ?= $(wildcard ../shared/data/nab/machine_temperature_system_failure.csv)
readings := $(if $(READINGS),--readings "$(READINGS)")

# $(call step,name,command) runs a command with a usable Dagger at hand and
# says its name and its time. Where nobody looks on, Dagger's progress is a line
# for each thing that happens and dots for the rest.
define step
@start=$$SECONDS; echo "==> $(1)"; eval "$$($(bootstrap) env)"; \
[ -t 2 ] || export DAGGER_PROGRESS=$${DAGGER_PROGRESS:-dots}; \
$(2); \
echo "<== $(1): $$((SECONDS - start)) s"
endef

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

.PHONY: engine
engine: ## Make sure of a usable Dagger engine
	@$(bootstrap) up

.PHONY: deploy
deploy: engine ## Run the five stages against an emulated AWS
	$(call step,deploy,dagger call deploy $(readings))

.PHONY: test
test: engine ## Run every test
	$(call step,gates,dagger call check)
	$(call step,services,dagger call test)
	$(call step,modules,dagger call test-modules)
	$(call step,emulated AWS,dagger call test-emulator)
	$(call step,deployers,dagger call test-rollout)
	$(call step,pipeline end to end,cd ci/e2e && GOWORK=off READINGS="$(abspath $(READINGS))" go test -tags=e2e -count=1 -parallel=3 -timeout=60m -v ./...)

.PHONY: lint
lint: engine ## Lint Go, workflows and Terraform
	$(call step,lint,dagger call lint)

.PHONY: bench
bench: ## Measure ingest, queries, the processor and starts
	@cd services && go test -run '^$$' -bench . ./internal/processor ./internal/httpapi ./internal/reading ./cmd/...

.PHONY: down
down: ## Stop what `engine` started
	@$(bootstrap) down
