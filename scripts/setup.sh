#!/usr/bin/env bash
# Sees to what a build needs: Rust, and a C compiler with its headers.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

if ! command -v cargo >/dev/null; then
  die 'Rust is missing. Install it from https://rustup.rs:
  curl --proto =https --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y
and run this again.'
fi

# The manifest says which version of Rust is needed; an older cargo would say something that nobody understands.
needed=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' Cargo.toml)
present=$(cargo --version | cut -d' ' -f2)
if [ "$(printf '%s\n%s\n' "$needed" "$present" | sort -V | head -n 1)" != "$needed" ]; then
  die "Rust $needed or newer is needed, and this is $present. With rustup: rustup update stable"
fi

compiles() { printf '#include <stdlib.h>\nint main(void) { return 0; }\n' | cc -x c -o /dev/null - 2>/dev/null; }

if ! compiles; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    say 'A C compiler is missing: installing gcc and libc6-dev.'
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends gcc libc6-dev >/dev/null
    compiles || die 'The C compiler still does not work; see what apt-get said.'
  else
    die 'A C compiler is missing. Install it:
  Debian, Ubuntu   sudo apt-get install gcc libc6-dev
  Fedora           sudo dnf install gcc glibc-devel
  Arch             sudo pacman -S gcc
  macOS            xcode-select --install
and run this again.'
  fi
fi
