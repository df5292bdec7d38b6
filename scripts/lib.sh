# What the other scripts share. They source it.

say() { printf '%s\n' "$*"; }

die() {
  printf '%s\n' "$*" >&2
  exit 1
}

# stage NAME COMMAND...: runs a command and says how long it took.
stage() {
  local name=$1 began=$SECONDS
  shift
  say "== $name"
  "$@" || die "== $name failed after $((SECONDS - began)) s"
  say "== $name: $((SECONDS - began)) s"
}

# The server of the profile that compiles fast.
steward_bin() { printf '%s/debug/steward' "$CARGO_TARGET_DIR"; }

: "${CARGO_TARGET_DIR:=$HOME/.cache/steward/target}"
export CARGO_TARGET_DIR
# rustup puts cargo here, and not every shell has read its profile.
case ":$PATH:" in
  *":$HOME/.cargo/bin:"*) ;;
  *) PATH="$PATH:$HOME/.cargo/bin" ;;
esac
cd "$(dirname "${BASH_SOURCE[0]}")/.."
