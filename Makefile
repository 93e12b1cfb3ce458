# Every target sets up what it needs on a Debian machine with git, curl, make, a C compiler and rustup.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

TARGET := x86_64-unknown-linux-musl
export CARGO_TARGET_DIR ?= $(HOME)/.cache/lighter/target
RELEASE := $(CARGO_TARGET_DIR)/$(TARGET)/release
PATH := $(HOME)/.cargo/bin:$(PATH)

.PHONY: help
help: ## what there is to make
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

.PHONY: setup
setup:
	@scripts/setup.sh musl-tools

.PHONY: setup-lint
setup-lint:
	@scripts/setup.sh musl-tools shellcheck python3

.PHONY: setup-tests
setup-tests:
	@scripts/setup.sh musl-tools jq busybox-static python3 zip unzip util-linux

.PHONY: build
build: setup ## dist/lighter and dist/argoexec, both static
	@echo "==> building dist/lighter and dist/argoexec (static, optimised; several minutes the first time)"
	cargo build --release --locked --target $(TARGET) -p lighter -p lighter-executor --bins
	mkdir -p dist
	cp -f $(RELEASE)/lighter $(RELEASE)/argoexec dist/
	@ls -l dist | awk 'NR > 1 {printf "%s  %.1f MiB\n", $$NF, $$5 / 1048576}'

.PHONY: demo
demo: build ## map over a list, collect, one JSON array: on this machine, through argoexec
	@scripts/demo.sh

.PHONY: test
test: setup-tests build ## all tests, from units to whole workflows with the built programs
	cargo test --locked --workspace --exclude lighter-tests
	LIGHTER=$(CURDIR)/dist/lighter ARGOEXEC=$(CURDIR)/dist/argoexec cargo test --locked -p lighter-tests

.PHONY: lint
lint: setup-lint ## formatting, clippy, licences of dependencies, shell scripts
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	@scripts/lint.sh

.PHONY: bench
bench: setup-tests build ## the figures of docs/performance.md
	benches/run.sh

.PHONY: fmt
fmt: ## format the code
	cargo fmt --all
