# What a newcomer runs first is the first target: `make run` builds the command and trains the example model.

export CGO_ENABLED = 0

GO       ?= go
BIN      := bin/headrace
DAG      ?= examples/flights/flight_delay.yaml
RUN_ARGS ?=
PACKAGES ?= ./...
FUZZTIME ?= 10s
BENCH    ?= .

# What make bench measures: rows of the data, snappy or zstd, a regular expression of names, rounds, how many random queries; any
# BENCH_SAVE makes the run the reference of its class of machine, and BENCH_DIR takes a few GB of data at 30000000 rows.
BENCH_ROWS   ?= 3000000
BENCH_CODEC  ?= snappy
BENCH_ONLY   ?=
BENCH_ROUNDS ?= 7
BENCH_RANDOM ?= 6
BENCH_DIR    ?= build/bench
BENCH_SAVE   ?=
BENCH_ARGS    = -rows $(BENCH_ROWS) -codec $(BENCH_CODEC) -only '$(BENCH_ONLY)' -rounds $(BENCH_ROUNDS) \
	-random $(BENCH_RANDOM) -dir '$(BENCH_DIR)' $(if $(BENCH_SAVE),-save)

GOLANGCI_LINT := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

.PHONY: run build test race noasm bench bench-check bench-scaling microbench kernels-table lint generate data peers torture fuzz clean help

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

bench: build ## measure Headrace and its peers in turns (BENCH_ROWS=, BENCH_ONLY=; needs make data peers)
	$(GO) run ./testing/bench/cmd $(BENCH_ARGS)

bench-check: build ## the same, but fail where Headrace has lost ground since the reference was made
	$(GO) run ./testing/bench/cmd $(BENCH_ARGS) -check

bench-scaling: build ## measure how processor time grows from 3 to 30 million rows
	$(GO) run ./testing/bench/cmd $(BENCH_ARGS) -scaling

microbench: ## run Go's benchmarks of single packages (BENCH=pattern, PACKAGES=)
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchmem $(PACKAGES)

kernels-table: ## print what the kernels take at each level, as kernels/README.md has it (PACKAGES=./kernels/…)
	$(GO) run ./kernels/bench/table $(filter-out ./...,$(PACKAGES))

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
	rm -rf bin dist build
	find . -name '*.test' -type f -not -path './.git/*' -delete
	find . -name '*.prof' -type f -not -path './.git/*' -delete

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 15
