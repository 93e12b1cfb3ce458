#!/usr/bin/env bash
# Prints the figures of docs/performance.md. With STOCK=/path/to/stock/argoexec the peer is measured in the same run.
set -euo pipefail
cd "$(dirname "$0")/.."
exec unshare --mount --propagation private python3 benches/bench.py dist/lighter dist/argoexec "${STOCK:-}" "$@"
