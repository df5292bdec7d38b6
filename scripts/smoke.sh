#!/usr/bin/env bash
# Drives the built server through what the README promises: a statement is reported and mailed once, a broken one makes
# a need, and `kill -9` in the middle loses nothing.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

steward=$(steward_bin)
[ -x "$steward" ] || die 'Steward is not built: cargo build --workspace --bin steward'
fixture=fixtures/automations/statements
place=$(mktemp -d)
server=''

# What is set for a real server must not reach this one: it might send real mail.
for variable in "${!STEWARD_@}"; do unset "$variable"; done
export STEWARD_HOME=$place/data STEWARD_MAIL__OUTBOX_FOLDER=$place/mail
# Below the ports that outgoing connections take theirs from, so that a restart finds its port free.
export STEWARD_SERVER__LISTEN=127.0.0.1:$((20000 + RANDOM % 12000))

clean_up() {
  local status=$?
  [ -z "$server" ] || kill -9 "$server" 2>/dev/null || true
  if [ "$status" != 0 ]; then
    say '--- what the server said last:'
    tail -n 40 "$place/log" 2>/dev/null || true
  fi
  rm -rf "$place"
  exit "$status"
}
trap clean_up EXIT

# await WHAT COMMAND...: waits until a command succeeds.
await() {
  local what=$1
  shift
  for _ in $(seq 600); do
    "$@" >/dev/null 2>&1 && return 0
    sleep 0.1
  done
  die "this never came: $what"
}

start() {
  "$steward" serve >>"$place/log" 2>&1 &
  server=$!
  await 'a server that answers' server_answers
}
server_answers() {
  local address=${STEWARD_SERVER__LISTEN/:/\/}
  (exec 3<>"/dev/tcp/$address" && printf 'GET /readyz HTTP/1.0\r\nHost: %s\r\n\r\n' "$STEWARD_SERVER__LISTEN" >&3 \
    && head -n 1 <&3 | grep -q ' 200 ')
}
kill_it() {
  local children
  children=$(cat "/proc/$server/task/"*/children 2>/dev/null || true)
  kill -9 "$server"
  wait "$server" 2>/dev/null || true
  server=''
  for child in $children; do
    await "the end of process $child, which the server left behind" gone "$child"
  done
}
gone() { [ ! -e "/proc/$1" ] || grep -q '^State:.*Z' "/proc/$1/status"; }
mails() { find "$place/mail" -name '*.eml' 2>/dev/null | wc -l | tr -d ' '; }
mails_are() { [ "$(mails)" = "$1" ]; }
# statement YEAR: drops the sample as if it were of another year.
statement() { sed "s/2026-10-/$1-10-/" "$fixture/samples/2026-10.csv" >"$place/statements/$1.csv"; }
no_unfinished_runs() {
  local phase
  for phase in queued running waiting; do
    ! "$steward" runs list --json --phase "$phase" | grep -q '"id"' || return 1
  done
}

mkdir -p "$place/statements" "$place/reports"
if [ "$(uname)" = Darwin ]; then
  # A key that is there is used, so that no trial leaves one in the keychain.
  (umask 077 && mkdir -p "$place/data" && head -c 32 /dev/urandom >"$place/data/master.key")
fi
"$steward" folders add statements "$place/statements" --read-only >/dev/null
"$steward" folders add reports "$place/reports" >/dev/null
"$steward" automations import "$fixture" --yes >/dev/null
"$steward" automations import "$fixture" --yes >/dev/null

start
cp "$fixture/samples/2026-10.csv" "$place/statements/"
await 'the report' test -s "$place/reports/2026-10.md"
await 'the mail' mails_are 1
grep -q 'All balances add up' "$place/reports/2026-10.md" || die 'the report does not say what it should'
say 'a statement was reported and mailed'

# A run by hand handles every file, the copy included, so nothing has to be waited for that does not come.
cp "$fixture/samples/2026-10.csv" "$place/statements/copy.csv"
"$steward" automations run statements --wait >/dev/null
mails_are 1 || die "the same statement was mailed $(mails) times"
say 'the same statement again changed nothing'

! "$steward" serve --listen 127.0.0.1:0 >"$place/second" 2>&1 || die 'a second server started on the same data folder'
grep -q 'another Steward' "$place/second" || die "the second server gave another reason: $(cat "$place/second")"
say 'a second server was refused, with the reason'

kill_it
statement 2025
start
await 'the mail about what came while the server was down' mails_are 2
say 'what came while the server was dead was done when it was back'

for year in 2011 2012 2013 2014 2015 2016 2017 2018; do
  statement "$year"
  kill_it
  start
done
await 'all mails after the kills' mails_are 10
await 'the end of all runs' no_unfinished_runs
say 'eight kills in the middle lost nothing'

cp "$fixture/samples/broken.csv" "$place/statements/"
needs_line_7() { "$steward" inbox list | grep -q 'line 7'; }
await 'a need that names the line' needs_line_7
mails_are 10 || die 'the broken statement was mailed'
[ ! -e "$place/reports/broken.md" ] || die 'the broken statement was reported'
say 'a broken statement ended as a need, and as nothing else'

"$steward" audit verify >/dev/null || die 'the record of events does not verify'
kill -TERM "$server"
wait "$server" || die "the server did not end well: $?"
server=''
say 'the record verifies, and the server ended when it was asked to'
