#!/usr/bin/env bash
# Prints the path of a Go that builds today's modules, installing one where the machine has none.
set -euo pipefail
cd "$(dirname "$0")/.."

# Go 1.21 learnt to fetch the version that a module asks for; Debian 12's cannot, but can fetch one that does.
toolchain=golang.org/toolchain@v0.0.1-go1.26.8.linux-amd64
for candidate in "$(command -v go || true)" /usr/local/go/bin/go; do
  if [ -x "$candidate" ] && (cd / && "$candidate" version | grep -Eq 'go1\.(2[1-9]|[3-9][0-9])'); then
    echo "$candidate"
    exit
  fi
done
scripts/setup.sh golang-go >&2
root=$(cd / && GOFLAGS=-modcacherw GOMODCACHE=$HOME/.cache/lighter/go go mod download -json "$toolchain" |
  sed -n 's/.*"Dir": "\(.*\)".*/\1/p')
# Modules keep no permissions.
chmod -R a+x "$root/bin" "$root/pkg/tool"
echo "$root/bin/go"
