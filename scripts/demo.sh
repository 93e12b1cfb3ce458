#!/usr/bin/env bash
# Runs the fan-in example on this machine and prints the merged document.
set -euo pipefail
cd "$(dirname "$0")/.."

state=$(mktemp -d)
trap 'rm -rf "$state"' EXIT
run() { dist/lighter --state "$state" "$@"; }

echo "==> lighter run examples/fan-in.yaml --images host"
run run examples/fan-in.yaml --images host
echo
echo "==> the merged document: lighter artifacts cat @latest reduce/report"
run artifacts cat @latest reduce/report
