#!/usr/bin/env bash
# Everything that `make test` does, and what the dependencies bring in.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

# One provider of cryptography: with two in the build, rustls refuses to choose.
one_crypto_provider() {
  if cargo tree --locked -p runtime --edges normal -i aws-lc-rs 2>/dev/null | grep -q .; then
    cargo tree --locked -p runtime --edges normal -i aws-lc-rs
    return 1
  fi
}

scripts/test.sh
stage 'one crypto provider' one_crypto_provider
if cargo deny --version >/dev/null 2>&1; then
  stage 'cargo deny' scripts/deny.sh
else
  say 'cargo-deny is not installed, so licences and advisories were not checked: cargo install cargo-deny --locked'
fi
