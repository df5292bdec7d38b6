#!/usr/bin/env bash
# Builds the server, sets up the first automation below ./demo, and starts the server.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

demo=$PWD/demo
export STEWARD_HOME=${STEWARD_HOME:-$demo/data}
samples=fixtures/automations/statements/samples

if [ ! -x "$(steward_bin)" ]; then
  say 'Building Steward. The first time this takes some minutes; later only seconds.'
fi
cargo build --locked --workspace --bin steward
steward=$(steward_bin)

mkdir -p "$demo/statements" "$demo/reports" "$demo/mail"
if [ ! -e "$STEWARD_HOME/steward.toml" ]; then
  (umask 077 && mkdir -p "$STEWARD_HOME")
  cat >"$STEWARD_HOME/steward.toml" <<TOML
# Without a mail server, mail goes into a folder, as .eml files that any mail program opens.
[mail]
outbox_folder = "$demo/mail"
# host = "smtp.example.com"
# from = "Steward <steward@example.com>"
# username = "steward@example.com"
# password_secret = "mail"
TOML
fi

# Done again, these change nothing.
"$steward" folders add statements "$demo/statements" --read-only
"$steward" folders add reports "$demo/reports"
"$steward" automations import fixtures/automations/statements --yes

cat <<NEXT

Steward starts now, with the automation \`statements\`. In another terminal:
  1. Drop a statement:   cp $samples/2026-10.csv demo/statements/
  2. See what came:      cat demo/reports/2026-10.md; ls demo/mail     (no mail server is set up, so mail is a file)
  3. Try to harm it:     kill -9 the server; drop the file again; drop $samples/broken.csv
  4. Look inside:        scripts/steward runs list; scripts/steward inbox list
  5. Stop it:            Ctrl-C here; \`make run\` goes on where it was

NEXT
exec "$steward" serve
