#!/usr/bin/env bash
# Prints the contract or the script that the conversation of an intent ends with.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

if [[ $# -ne 2 || ! -d fixtures/intents/$1 || ! $2 =~ ^(contract|script)$ ]]; then
  say 'usage: scripts/intent.sh NAME contract|script'
  exit 2
fi
jq -r --arg part "$2" '[.answers[].tool_calls[]? | select(.name == "draft")] | last | .arguments[$part]' \
  "fixtures/intents/$1/conversation.json"
