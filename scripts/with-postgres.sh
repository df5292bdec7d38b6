#!/usr/bin/env bash
# Runs a command with a throwaway PostgreSQL server: STEWARD_TEST_POSTGRES names it. It is gone afterwards.
#
# with-postgres.sh COMMAND...: when there is no PostgreSQL on this machine, the command runs without one and its tests
# say what they leave out; with STEWARD_POSTGRES_REQUIRED set, that is an error.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

if [ -n "${STEWARD_TEST_POSTGRES:-}" ]; then
  exec "$@"
fi

# Debian keeps the programs apart by version; the newest is the last.
programs=$(command -v initdb >/dev/null && dirname "$(command -v initdb)" || true)
for folder in /usr/lib/postgresql/*/bin /opt/homebrew/opt/postgresql*/bin; do
  [ -x "$folder/initdb" ] && programs=$folder
done
if [ -z "$programs" ]; then
  [ -z "${STEWARD_POSTGRES_REQUIRED:-}" ] || die 'PostgreSQL is missing: apt-get install postgresql'
  say 'PostgreSQL is not installed: what runs on it is LEFT OUT (apt-get install postgresql)'
  exec "$@"
fi

folder=$(mktemp -d "${TMPDIR:-/tmp}/steward-postgres.XXXXXX")
# PostgreSQL does not run as root.
as=()
if [ "$(id -u)" = 0 ]; then
  user=postgres
  id "$user" >/dev/null 2>&1 || user=nobody
  chown "$user" "$folder"
  as=(setpriv "--reuid=$user" "--regid=$(id -g "$user")" --clear-groups)
fi
stop() {
  "${as[@]}" "$programs/pg_ctl" -D "$folder/data" -m immediate stop >/dev/null 2>&1 || true
  rm -rf "$folder"
}
trap stop EXIT

# A port that nobody listens on; should somebody be quicker, the next one is tried.
start() {
  local port
  for _ in 1 2 3 4 5; do
    port=$((20000 + RANDOM % 20000))
    if "${as[@]}" "$programs/pg_ctl" -D "$folder/data" -w -l "$folder/log" \
      -o "-c listen_addresses=127.0.0.1 -c port=$port -c unix_socket_directories=$folder -c fsync=on -c max_connections=300" \
      start >/dev/null 2>&1; then
      export STEWARD_TEST_POSTGRES="postgres://steward@127.0.0.1:$port/postgres"
      return 0
    fi
  done
  return 1
}
cd "$folder"
"${as[@]}" "$programs/initdb" -D "$folder/data" -U steward -A trust -E UTF8 >"$folder/initdb.log" 2>&1 \
  || die "PostgreSQL could not be set up: $(tail -3 "$folder/initdb.log")"
start || die "PostgreSQL does not start: $(tail -3 "$folder/log")"
cd "$OLDPWD"
"$@"
