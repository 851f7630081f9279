#!/bin/sh
# Every figure of docs/benchmarks.md that one machine makes by itself, one after the other.
#
#   benches/all.sh
set -eu

cd "$(dirname "$0")/.."
cargo build --release --locked
for script in start where peers network-start inside agents; do
    printf '\n== %s\n' "$script"
    "benches/$script.sh" || echo "$script: not measured"
done
cargo bench --locked
