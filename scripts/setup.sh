#!/usr/bin/env bash
# Installs what is missing of the Debian packages named, and the pinned Rust toolchain.
set -euo pipefail
cd "$(dirname "$0")/.."

missing=()
for package in "$@"; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
if [ "${#missing[@]}" -gt 0 ]; then
  echo "==> installing Debian packages: ${missing[*]}"
  as_root=()
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || { echo "please install as root: apt-get install ${missing[*]}" >&2; exit 1; }
    as_root=(sudo)
  fi
  "${as_root[@]}" apt-get update -qq
  DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

command -v rustup >/dev/null || { echo "please install rustup: https://rustup.rs" >&2; exit 1; }
# rust-toolchain.toml names the toolchain, its components and targets; older rustups install it on first use only.
rustup toolchain install >/dev/null 2>&1 || true
rustup show active-toolchain >/dev/null
rustup target add x86_64-unknown-linux-musl >/dev/null 2>&1
rustup component add rustfmt clippy >/dev/null 2>&1
