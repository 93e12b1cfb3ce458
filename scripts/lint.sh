#!/usr/bin/env bash
# Lints that cargo does not do: licences and sources of dependencies, banned dependencies, shell scripts, file lengths.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/licences.py
# The executor is copied into every pod: it must not grow a web server, a database or Kubernetes' client. tokio runs object_store
# and plugins on the thread that calls.
for banned in kube axum rusqlite k8s-openapi-codegen clap reqwest tonic; do
  if cargo tree --locked -q -p lighter-executor -e normal --prefix none | grep -q "^$banned v"; then
    echo "lighter-executor must not depend on $banned" >&2
    exit 1
  fi
done
if command -v shellcheck >/dev/null; then
  git ls-files '*.sh' .ci/run | xargs shellcheck
fi
