# ringtgt: `make run` serves a disk, `make test` runs every test. `make help` lists the rest.

GO      ?= go
BIN     := bin/ringtgt
FUZZ    ?= 60s
# Parallel packages: tests that measure or drive whole machines are kept apart below.
P       ?= 2

# What bench-compare reads, however it was given to make.
export REF NEW BENCH PKG ROUNDS BENCHTIME THRESHOLD CPUS RAW

.DEFAULT_GOAL := help
.PHONY: help run build test mutate fuzz-daemon test-unit test-race test-upstream test-daemon test-clients test-conformance test-kernel conform-coverage conformance bench microbench bench-compare bench-spdk figures lint fuzz generate deps clean mcs-study install stage deb rpm container test-package

help: ## show this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: build ## serve a persistent disk on 127.0.0.1:3260
	@$(BIN) serve

build: ## build bin/ringtgt
	@$(GO) build -o $(BIN) ./tools/ringtgt

deps: ## install the Debian packages that the tests need (only as root with apt)
	@tools/deps.sh test

TESTRUN  = $(GO) run ./tools/testrun -go '$(GO)' -p $(P)

# What make install, deb, rpm and container build; the version is that of the binary, unless it is given.
OUT     ?= bin/package
PREFIX  ?= /usr/local
ARCH    ?= $(shell $(GO) env GOARCH)
NFPM     = $(GO) tool -modfile=tools/package/nfpm/go.mod nfpm
VERSION ?=
version  = $(or $(VERSION),$$($(OUT)/ringtgt version | cut -d' ' -f2 | sed 's/^v//'))

$(OUT)/ringtgt: FORCE
	@CGO_ENABLED=0 GOARCH=$(ARCH) $(GO) build -trimpath -o $@ ./tools/ringtgt
FORCE:

install: $(OUT)/ringtgt ## install to PREFIX (/usr/local) below DESTDIR: binary, unit, manual, completion, configuration
	@tools/package/stage.sh $(OUT)/ringtgt '$(DESTDIR)' '$(PREFIX)'

stage: $(OUT)/ringtgt
	@rm -rf $(OUT)/stage && tools/package/stage.sh $(OUT)/ringtgt $(OUT)/stage /usr $(ZSHDIR)

deb: ## build the Debian package in bin/package; VERSION=1.2.3
	@$(MAKE) --no-print-directory stage ZSHDIR=/usr/share/zsh/vendor-completions
	@VERSION=$(version) ARCH=$(ARCH) STAGE=$(OUT)/stage $(NFPM) package -f tools/package/nfpm.yaml -p deb -t $(OUT)

rpm: ## build the RPM package in bin/package; VERSION=1.2.3
	@$(MAKE) --no-print-directory stage
	@VERSION=$(version) ARCH=$(ARCH) STAGE=$(OUT)/stage $(NFPM) package -f tools/package/nfpm.yaml -p rpm -t $(OUT)

container: $(OUT)/ringtgt ## build the container image ringtgt from nothing but the binary, by buildah
	@buildah build -q -t ringtgt -f tools/package/Containerfile $(OUT)

test: deps ## run every test except those that boot a kernel; continue after a failed phase, list what was skipped and what failed
	@$(TESTRUN) lint race daemon unit upstream package

test-unit: ## units, vectors, simulation, fuzz seeds
	@$(TESTRUN) unit

test-race: ## the packages that share memory between loops, under the race detector
	@$(TESTRUN) race

test-upstream: ## engine/giouring compared with upstream, opcode by opcode
	@$(TESTRUN) upstream

test-daemon: ## test-clients and test-conformance in parallel: both mostly wait
	@$(TESTRUN) daemon

test-clients: ## libiscsi, qemu and other clients against the daemon on loopback
	@$(TESTRUN) clients

test-conformance: ## iscsi-test-cu, one suite per process, on several kinds of LUN
	@$(TESTRUN) conformance

test-package: deps ## packages, installed and removed in a Debian of their own; completion, manual, sandbox, container
	@$(TESTRUN) package

test-kernel: ## the Linux kernel's initiator, and power cuts, in an emulated machine
	@tools/deps.sh kernel
	@$(TESTRUN) kernel

conform-coverage: deps ## regenerate docs/conform-coverage.md
	@$(GO) run ./tools/conformcoverage

conformance: deps ## regenerate the results in docs/conformance.md
	@$(GO) run ./tools/conformance

bench: deps build ## the project's performance requirements, compared with tuned tgt, fio and bare responders, in 4 minutes; ARGS="-row randread -rounds 9 -out FILE"
	@$(GO) build -o bin/bench ./tools/bench
	@bin/bench -binary $(BIN) -dir bin $(value ARGS)

microbench: ## Go benchmarks of the data path, package by package
	@$(GO) test -run '^$$' -bench . -benchmem ./pdu ./session ./lun ./engine ./internal/uring

bench-compare: ## Go benchmarks compared with those of another commit by benchstat: REF=<git ref>, and NEW, BENCH, PKG, ROUNDS, BENCHTIME, THRESHOLD, CPUS, RAW
	@tools/benchcompare/run.sh

mcs-study: build ## one session of four connections compared with four sessions, on one target loop and on two: docs/performance.md
	@$(GO) build -o bin/bench ./tools/bench
	@bin/bench -binary $(BIN) -dir bin -row mcs -rounds 7 -runtime 2s $(value ARGS)

bench-spdk: build ## compared with SPDK's iscsi_tgt, built from its source: ARGS="-spdk PATH -rows REGEXP"; or how much one row varies: ARGS="-repeat 20 -rows randread-32"
	@$(GO) build -o bin/bench ./tools/bench
	@bin/bench spdk -binary $(BIN) $(value ARGS)

figures: ## rewrite the generated figures in docs/performance.md, in 10 minutes on a quiet machine; ARGS="-run REGEXP"
	@$(GO) run ./tools/figures $(value ARGS)

lint: ## gofmt, go vet
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); echo "gofmt would change these"; exit 1; }
	@$(GO) vet ./...

fuzz: ## every fuzz target for FUZZ (default 60s) each
	@tools/fuzz.sh $(FUZZ)

fuzz-daemon: ## hostile sessions of several connections against a daemon under the race detector; ARGS="-duration 10m -seed N"
	@$(GO) run ./tools/daemonfuzz $(value ARGS)

mutate: ## break the code in every way of tools/mutate and expect a test to fail each time; ARGS="-run REGEXP"
	@$(GO) run ./tools/mutate -go '$(GO)' $(value ARGS)

generate: ## compile the eBPF programs (needs clang and libbpf-dev); the objects are in the repository
	@$(GO) generate ./...

clean: ## remove what was built; the served disk stays
	@rm -rf bin .cache
