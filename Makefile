# `make run` and `make test` need nothing set up before: they look for what is missing, and install it or say how.

CARGO_TARGET_DIR ?= $(HOME)/.cache/steward/target
KILLS ?= 1000
export CARGO_TARGET_DIR

.PHONY: help demo run test check bench chaos soak setup

help:
	@echo 'make demo    see in some seconds what Steward is: no key, no network'
	@echo 'make run     build and start the server with the first automation'
	@echo 'make test    every check and test, with the time of each stage'
	@echo 'make check   as test, and what the dependencies bring in'
	@echo 'make bench   figures of the optimised build, as JSON'
	@echo 'make chaos   kill the server KILLS=$(KILLS) times and count what was lost or done twice'
	@echo 'make soak    hostile scripts against their deadlines, and ten times the seeds, with figures'

setup:
	@scripts/setup.sh

demo: setup
	@cargo build --locked --workspace --bin steward
	@"$(CARGO_TARGET_DIR)/debug/steward" demo

run: setup
	@scripts/run.sh

test: setup
	@scripts/test.sh

check: setup
	@scripts/check.sh

bench: setup
	@cargo build --release --locked --workspace --bin steward
	@"$(CARGO_TARGET_DIR)/release/steward" bench --json

chaos: setup
	@KILLS=$(KILLS) scripts/with-postgres.sh cargo test --locked --workspace --test chaos

soak: setup
	@scripts/soak.sh
