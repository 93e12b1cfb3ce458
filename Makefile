# Every target sets up what it needs on a Debian machine with git, curl, make, a C compiler and rustup.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

TARGET := x86_64-unknown-linux-musl
export CARGO_TARGET_DIR ?= $(HOME)/.cache/lighter/target
RELEASE := $(CARGO_TARGET_DIR)/$(TARGET)/release
# The name of the executor's images; make images IMAGE=registry.example/argoexec:1
IMAGE ?= localhost/lighter/argoexec:0.1.0
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
	@scripts/setup.sh musl-tools jq busybox-static python3 python3-grpcio zip unzip util-linux git openssh-server
	@scripts/servers.sh
	@scripts/hdfs.sh

.PHONY: setup-cluster
setup-cluster: ## Kubernetes for tests, built from source once
	@scripts/setup.sh runc containernetworking-plugins busybox-static openssl curl iproute2 util-linux python3
	@scripts/servers.sh versitygw
	@tests/cluster/build.sh

.PHONY: setup-images
setup-images:
	@scripts/setup.sh ca-certificates media-types python3

.PHONY: build
build: setup ## dist/lighter, dist/argoexec and dist/argoexec-drivers, all static
	@echo "==> building dist/lighter, dist/argoexec and dist/argoexec-drivers (static, optimised; several minutes the first time)"
	cargo build --release --locked --target $(TARGET) -p lighter -p lighter-executor -p lighter-drivers --bins
	mkdir -p dist
	cp -f $(RELEASE)/lighter $(RELEASE)/argoexec $(RELEASE)/argoexec-drivers dist/
	@ls -l dist | awk 'NR > 1 {printf "%s  %.1f MiB\n", $$NF, $$5 / 1048576}'

.PHONY: images
images: setup-images build ## dist/images/argoexec.tar: the executor's images, an OCI archive, and what they are made of
	images/argoexec.sh dist/images/argoexec.tar $(IMAGE) amd64=dist
	images/sbom.py lighter-executor lighter-drivers >dist/images/argoexec.cdx.json
	@ls -l dist/images | awk 'NR > 1 {printf "%s  %.1f MiB\n", $$NF, $$5 / 1048576}'

.PHONY: demo
demo: build ## map over a list, collect, one JSON array: on this machine, through argoexec
	@scripts/demo.sh

# Only root can make a cluster's network and cgroups; its tests are listed as ignored for others.
SETUP_CLUSTER := $(if $(filter 0,$(shell id -u)),setup-cluster setup-images)

.PHONY: test
test: setup-tests $(SETUP_CLUSTER) build ## all tests, from units to whole workflows with the built programs
	cargo test --locked --workspace --exclude lighter-tests
	LIGHTER=$(CURDIR)/dist/lighter ARGOEXEC=$(CURDIR)/dist/argoexec cargo test --locked -p lighter-tests

.PHONY: test-cluster
test-cluster: $(SETUP_CLUSTER) build ## the tests that need a Kubernetes, as root
	ARGOEXEC=$(CURDIR)/dist/argoexec cargo test --locked -p lighter-tests --test drop_in --test stock_outage --test stock_outputs --test stock_pods --test pod_lives

CLUSTER_DIR ?= /var/tmp/lighter-cluster
.PHONY: cluster-up
cluster-up: setup-cluster ## a Kubernetes on this machine; export LIGHTER_CLUSTER=/var/tmp/lighter-cluster to test on it
	@tests/cluster/cluster.sh up $(CLUSTER_DIR)

.PHONY: cluster-down
cluster-down: ## ends what cluster-up started, leaves nothing
	@tests/cluster/cluster.sh down $(CLUSTER_DIR)

.PHONY: lint
lint: setup-lint ## formatting, clippy, licences of dependencies, shell scripts
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	@scripts/lint.sh

.PHONY: bench
bench: setup-tests build ## the figures of docs/performance.md
	benches/run.sh

.PHONY: fuzz
fuzz: ## fuzz what reads hostile input, each target for FUZZ_SECONDS (60)
	@scripts/setup.sh g++ python3
	@scripts/fuzz.sh

.PHONY: bench-archives
bench-archives: ## packing, unpacking and collecting, beside gzip, pigz, zstd and tar
	@scripts/setup.sh musl-tools python3 pigz zstd
	cargo build --release --locked --target $(TARGET) -p lighter-artifacts --example archive
	benches/archive.py $(RELEASE)/examples/archive

.PHONY: bench-transfers
bench-transfers: build ## artifacts to and from an S3 server with argoexec, beside rclone and curl
	@scripts/setup.sh python3 pigz rclone curl util-linux
	@scripts/servers.sh versitygw
	unshare --mount --propagation private benches/transfer.py dist/argoexec

.PHONY: fmt
fmt: ## format the code
	cargo fmt --all
