#!/usr/bin/env bash
# Checks what comes in from outside: licences, sources, bans, and advisories where their list can be had.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

cargo deny --locked --workspace check --hide-inclusion-graph bans licenses sources
# The list of advisories comes from outside; where it cannot be had, that is said, and nothing passes for checked.
if timeout 60 cargo deny --locked --workspace fetch db >/dev/null 2>&1; then
  cargo deny --locked --workspace check advisories
else
  say 'the list of advisories could not be had: advisories were not checked'
fi
