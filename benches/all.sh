#!/bin/sh
# The figures of docs/benchmarks.md, one after the other; it fails when one of its parts is not measured.
# Left out, for they take long or need something else: the long forms of two tests (killed a thousand
# times, a log of a million events), whose commands are on that page, and peers that are not on PATH.
#
#   benches/all.sh
set -eu

cd "$(dirname "$0")/.."
cargo build --release --locked
missing=
for part in start.sh where.sh peers.sh network-start.sh trees.sh inside.sh agents.sh remask.py; do
    printf '\n== %s\n' "$part"
    "benches/$part" || missing="$missing $part"
done
cargo bench --locked || missing="$missing cargo-bench"
[ -z "$missing" ] || { printf '\nnot measured:%s\n' "$missing" >&2; exit 1; }
