#!/usr/bin/env bash
# The same promises for longer: hostile scripts against their deadlines, with figures, the gate on a million stories, and
# ten times the seeds.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

export SOAK=1
stage 'properties, with new cases' env PROPTEST_CASES=5000 cargo test --locked --workspace --lib
stage 'the gate against its double, a million times' env CASES=1000000 cargo test --locked --workspace --test oracle
stage 'scripts that mean harm' cargo test --locked --workspace --test jail
stage 'how far a script gets past its deadline' cargo bench --locked --profile dev --workspace --bench figures
stage 'storms over the store' scripts/with-postgres.sh cargo test --locked --workspace --test store --test store_postgres
stage 'storms over runs' scripts/with-postgres.sh cargo test --locked --workspace --test simulation
stage 'servers that are stopped for a minute' scripts/with-postgres.sh cargo test --locked --workspace --test chaos takes_over
