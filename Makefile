# Guichet: run it, test it. `make` alone lists the targets.

GO       ?= go
BIN      := .cache/bin
DATA     := $(or $(GUICHET_DATA_DIR),data)
FUZZTIME ?= 5s

CLIENT   := web/client

TEMPORAL      := $(BIN)/temporal
TEMPORAL_SERVER := $(BIN)/temporal-server
GOLANGCI_LINT := $(BIN)/golangci-lint
WORKFLOWCHECK := $(BIN)/workflowcheck

export GUICHET_DATA_DIR := $(DATA)

.DEFAULT_GOAL := help
.PHONY: help run test build client temporal temporal-server postgres check fmt-check vet lint workflowcheck arch compose unit fuzz clean-tree stop reset

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: build temporal ## start Guichet with everything it needs on this machine; its data stay in ./data
	@[ -n "$$DATABASE_URL" ] || ./scripts/postgres.sh
	@exec bin/guichet dev

test: check unit clean-tree ## all checks and all tests, as in CI

build: ## build bin/guichet
	$(GO) build -o bin/guichet ./cmd/guichet

client: build $(CLIENT)/node_modules ## generate and build the TypeScript client from the OpenAPI document
	@mkdir -p .cache && bin/guichet openapi > .cache/openapi.json
	@npm --prefix $(CLIENT) run --silent generate >/dev/null && npm --prefix $(CLIENT) run --silent build

$(CLIENT)/node_modules: $(CLIENT)/package.json $(CLIENT)/package-lock.json
	npm --prefix $(CLIENT) ci --no-audit --no-fund --silent
	@touch $@

check: fmt-check vet lint workflowcheck arch compose ## the checks alone

temporal: $(TEMPORAL) ## build the Temporal CLI once (some minutes)

temporal-server: $(TEMPORAL_SERVER) ## build the Temporal server on PostgreSQL once (some minutes), for the test of production's topology

postgres: ## find the PostgreSQL server's binaries, or install them (root on Debian)
	@[ -n "$$GUICHET_TEST_DATABASE_URL" ] || ./scripts/postgres.sh

# The tools are pinned in modules of their own, so that their dependencies stay out of Guichet's.
$(TEMPORAL): tools/go.mod tools/go.sum
	@echo "Building the Temporal CLI: this takes some minutes, once"
	$(GO) build -C tools -o ../$(BIN)/ github.com/temporalio/cli/cmd/temporal
	@touch $@

$(TEMPORAL_SERVER): tools/temporal/go.mod tools/temporal/go.sum
	@echo "Building the Temporal server: this takes some minutes, once"
	$(GO) build -C tools/temporal -o ../../$(BIN)/temporal-sql-tool go.temporal.io/server/cmd/tools/sql
	$(GO) build -C tools/temporal -o ../../$(BIN)/temporal-server go.temporal.io/server/cmd/server
	@touch $@

$(GOLANGCI_LINT): tools/lint/go.mod tools/lint/go.sum
	@echo "Building golangci-lint: this takes two minutes, once"
	$(GO) build -C tools/lint -o ../../$(BIN)/ github.com/golangci/golangci-lint/v2/cmd/golangci-lint
	@touch $@

$(WORKFLOWCHECK): tools/lint/go.mod tools/lint/go.sum
	$(GO) build -C tools/lint -o ../../$(BIN)/ go.temporal.io/sdk/contrib/tools/workflowcheck
	@touch $@

fmt-check:
	@wrong=$$(git ls-files --cached --others --exclude-standard -- '*.go' | while read -r f; do [ ! -e "$$f" ] || echo "$$f"; done | xargs -r gofmt -l); \
	if [ -n "$$wrong" ]; then echo "not formatted (gofmt -w):"; echo "$$wrong"; exit 1; fi

vet:
	$(GO) vet ./...

lint: $(GOLANGCI_LINT) ## golangci-lint, see .golangci.yml
	$(GOLANGCI_LINT) run ./...

workflowcheck: $(WORKFLOWCHECK) ## no workflow code that a replay would run differently
	$(WORKFLOWCHECK) ./...

arch: ## layering, comments and sizes
	$(GO) test ./internal/arch

compose: ## docker-compose.yml, as docker compose config checks it, and against the product's settings
	@$(GO) run ./cmd/guichet config | $(GO) run -C tools/compose . $(CURDIR)/docker-compose.yml

unit: temporal temporal-server postgres client ## the tests alone
	$(GO) test -race -timeout 15m ./...

fuzz: ## run each fuzz target for FUZZTIME (5s)
	@./scripts/fuzz.sh $(FUZZTIME)

clean-tree:
	@if [ "$$CI" = true ] && [ -n "$$(git status --porcelain)" ]; then \
		echo "the checks or tests changed the work tree:"; git status --short; exit 1; fi

stop: ## stop the database server that the tests share (it also stops by itself)
	@./scripts/stop-test-postgres.sh

reset: ## remove the data that make run keeps
	@if [ -e "$(DATA)" ] && [ ! -d "$(DATA)/postgres/cluster" ] && [ ! -f "$(DATA)/temporal.db" ]; then \
		echo "$(DATA) does not look like Guichet's data: remove it by hand"; exit 1; fi
	rm -rf -- "$(DATA)"
