#!/usr/bin/env bash
# Every check and test: the fast ones first, so that a slip is told at once.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

for component in rustfmt clippy; do
  cargo "${component/rustfmt/fmt}" --version >/dev/null 2>&1 || rustup component add "$component" \
    || die "The component $component of Rust is missing: rustup component add $component"
done

# The same cases each time: what fails here fails for everybody. `make soak` draws new ones.
export PROPTEST_RNG_SEED=${PROPTEST_RNG_SEED:-20261120}

began=$SECONDS
stage 'format' cargo fmt --all --check
stage 'tidy' cargo test --locked --quiet --workspace --test tidy
stage 'clippy' cargo clippy --locked --workspace --all-targets -- -D warnings
stage 'build' cargo build --locked --workspace --bins --tests
stage 'tests' scripts/with-postgres.sh cargo test --locked --workspace
stage 'smoke' scripts/smoke.sh
say "== all: $((SECONDS - began)) s"
