# What a newcomer runs first is the first target: `make run` builds the command and trains the example model.

export CGO_ENABLED = 0

GO       ?= go
BIN      := bin/headrace
DAG      ?= examples/flights/flight_delay.yaml
RUN_ARGS ?=
PACKAGES ?= ./...
FUZZTIME ?= 10s
BENCH    ?= .

GOLANGCI_LINT := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

.PHONY: run build test race noasm bench lint generate data peers torture fuzz clean help

run: build ## build and run the example pipeline (DAG=, RUN_ARGS=)
	./$(BIN) run $(RUN_ARGS) $(DAG)

build: ## build bin/headrace, one static binary
	$(GO) build -trimpath -ldflags "-s -w" -o $(BIN) ./cmd/headrace

test: ## run all tests; says at the end what was skipped and why (PACKAGES=)
	$(GO) run ./scripts/gotest $(PACKAGES)

race: ## run all tests under the race detector, which needs gcc (PACKAGES=)
	CGO_ENABLED=1 $(GO) run ./scripts/gotest -race -timeout 20m $(PACKAGES)

noasm: ## run the tests of what has assembly without it
	$(GO) run ./scripts/gotest -tags headrace_noasm ./kernels/... ./operators/...

bench: ## run the benchmarks (BENCH=pattern, PACKAGES=)
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchmem $(PACKAGES)

lint: ## gofmt, go vet, golangci-lint
	scripts/gofmt.sh
	$(GO) vet ./...
	$(GO) run $(GOLANGCI_LINT) run ./...

generate: build ## regenerate code and docs/; CI finds no difference afterwards
	$(GO) generate ./...
	./$(BIN) ops --docs docs

data: ## fetch the three million flights into data/
	scripts/data.sh

peers: ## install what testing/peers compares with: scikit-learn, XGBoost, DuckDB, Polars
	scripts/peers.sh

torture: ## run the tests that take long: kills, full disks, many cuts
	HEADRACE_TORTURE=1 $(GO) run ./scripts/gotest -count=1 -timeout 2h ./testing/...

fuzz: ## run each fuzz target for FUZZTIME
	scripts/fuzz.sh $(FUZZTIME)

clean: ## remove what the build leaves behind; data/ and workspaces stay
	rm -rf bin dist
	find . -name '*.test' -type f -not -path './.git/*' -delete
	find . -name '*.prof' -type f -not -path './.git/*' -delete

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10
