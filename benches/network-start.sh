#!/bin/sh
# How long does a sandboxed `true` take in each mode of the network? In turns of random order, in one
# run. Only the ratios mean something on another machine.
#
#   cargo build --release --locked && benches/network-start.sh [TURNS]
set -eu

needs=python3
# shellcheck source=benches/scratch.sh
. "$(dirname "$0")/scratch.sh"
homes open off filtered

PYTHONPATH=benches python3 -B - "$aigate" "$scratch" "${1:-200}" <<'PYTHON'
import sys
from turns import medians
aigate, scratch, turns = sys.argv[1], sys.argv[2], int(sys.argv[3])
ways = {mode: (f"{scratch}/{mode}", [aigate, "exec", "--", "/bin/true"]) for mode in ("open", "off", "filtered")}
median = medians({"true": (f"{scratch}/open", ["/bin/true"]), **ways}, turns)
for mode, value in median.items():
    print(f"{mode:9} {value:6.2f} ms   median of {turns}")
for mode, most in (("filtered", "    (to reach: <= 1.5)"), ("off", "")):
    print(f"{mode} / open {median[mode] / median['open']:5.2f}{most}")
PYTHON
