# `make` lists what there is. CONTRIBUTING.md says more.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# rustup's default place, for shells that were started before it was installed.
export PATH := $(PATH):$(HOME)/.cargo/bin
# Rust tests ask this Python for truth from outside: rasterio, xarray, zarr, icechunk.
export CUBE_PYTHON := $(CURDIR)/.venv/bin/python
export CUBE_STARTED := $(shell date +%s)
ifdef CI
export CARGO_INCREMENTAL := 0
export CARGO_TERM_COLOR := never
endif

step := tools/step.sh
PYTEST_ARGS ?=

.NOTPARALLEL:
.PHONY: help setup python build demo test check lint rust-tests without-default-features python-tests bench clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | while IFS=$$'\t' read -r name text; do printf '  make %-24s %s\n' "$$name" "$$text"; done

setup: ## Install system packages that are missing (GDAL, compiler; apt, with sudo when not root) and check Rust
	@tools/setup-system.sh

python: ## Find a Python of 3.12 or newer and make .venv with the packages of the tests
	@tools/python-env.sh

build: setup ## Build the program, optimised: target/release/cube
	@cargo build --release -p cube-cli

demo: setup python ## Fill a cube on demand from a local STAC API, open it with xarray, make a picture
	@cargo build --release -p cube-cli -p cube-testkit
	@tools/demo.sh

test: ## Everything that CI runs
	@$(step) 'system packages' tools/setup-system.sh
	@$(step) 'Python environment' tools/python-env.sh
	@$(MAKE) lint rust-tests without-default-features python-tests
	@printf '\nAll tests passed.\n'

check: lint ## Format, clippy and documentation, without tests

lint:
	@$(step) 'format' cargo fmt --all --check
	@$(step) 'clippy' cargo clippy --quiet --workspace --all-targets -- -D warnings
	@$(step) 'rustdoc' env RUSTDOCFLAGS='-D warnings' cargo doc --quiet --workspace --no-deps

rust-tests:
	@$(step) 'cargo test' cargo test --workspace

without-default-features:
	@$(step) 'build without default features' cargo build -p cube-cli -p cube-testkit --no-default-features
	@$(step) 'try without default features' tools/try-plain.sh target/debug/cube

# Naming the same targets as `cargo test` keeps the same features, so that no dependency is built again.
python-tests:
	@$(step) 'build for the Python tests' cargo build --workspace --bins --tests
	@$(step) 'pytest' .venv/bin/python -m pytest tests/python $(PYTEST_ARGS)

bench: setup python ## Compare with odc-stac, VirtualiZarr, kerchunk and earthaccess in one run; results go to benches/results
	@cargo build --release -p cube-cli -p cube-testkit
	@cargo build --release -p eocube --example floor
	@cargo build --release -p cube-format-hdf5 --example dmrpp_speed --example hdf5_scan
	@cargo build --release -p cube-metadata --example to_stac
	@cargo build --release -p cube-catalog-cmr --example stream
	@.venv/bin/python -m pip install --quiet -r benches/virtual/requirements.txt -r benches/earthdata/requirements.txt
	@.venv/bin/python benches/odc/bench.py
	@.venv/bin/python benches/virtual/bench.py
	@.venv/bin/python benches/virtual/hdf5_scan.py > benches/results/$$(date +%F)-hdf5-scan.json
	@.venv/bin/python benches/earthdata/bench.py

clean: ## Remove what was built, the demo and the Python environment
	@rm -rf demo .venv
	@cargo clean
