#!/usr/bin/env bash
# Fuzzes what reads hostile input: each target for FUZZ_SECONDS (60), or only those named. Found inputs stay in fuzz/artifacts.
#
# Builds as `cargo fuzz run --sanitizer none` does, but needs neither a nightly compiler nor cargo-fuzz.
set -euo pipefail
cd "$(dirname "$0")/../fuzz"
cache="${XDG_CACHE_HOME:-$HOME/.cache}/lighter/fuzz"
seconds="${FUZZ_SECONDS:-60}"
target=x86_64-unknown-linux-gnu
targets=("$@")
[ "$#" -gt 0 ] || targets=(tar gzip zip json)

coverage="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters"
coverage="$coverage -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing -Ccodegen-units=1"
export CARGO_TARGET_DIR="$cache/target"
RUSTFLAGS="$coverage" cargo build --release --target "$target" --bins

python3 seeds.py "$cache/seeds"
for name in "${targets[@]}"; do
  mkdir -p "$cache/corpus/$name" "artifacts/$name"
  echo "==> fuzzing $name for $seconds s"
  "$CARGO_TARGET_DIR/$target/release/$name" -max_total_time="$seconds" -max_len=16384 -timeout=20 -rss_limit_mb=1024 \
    -print_final_stats=1 -artifact_prefix="artifacts/$name/" "$cache/corpus/$name" "$cache/seeds/$name"
done
