#!/bin/sh
# How long does a sandboxed `true` take under aigate and under whichever of its peers are on PATH: nono
# (`cargo install nono-cli`), hakoniwa (`cargo install hakoniwa-cli`), srt (the npm package
# @anthropic-ai/sandbox-runtime), firejail and bwrap (Debian)? In turns of random order, in one run. Each
# peer as its manual starts it with the project writable. They do not protect the same things.
#
#   cargo build --release --locked && benches/peers.sh [TURNS]
set -eu

needs=python3
# shellcheck source=benches/scratch.sh
. "$(dirname "$0")/scratch.sh"
homes open filtered

PYTHONPATH=benches python3 -B - "$aigate" "$scratch" "${1:-60}" <<'PYTHON'
import shutil, sys
from turns import bwrap, medians
aigate, scratch, turns = sys.argv[1], sys.argv[2], int(sys.argv[3])
ours = "aigate, network open"
ways = {
    "true": ("open", []),
    ours: ("open", [aigate, "exec", "--"]),
    "aigate, network filtered": ("filtered", [aigate, "exec", "--"]),
    "bwrap": ("open", bwrap(f"{scratch}/open/app")),
    "nono wrap": ("open", "nono wrap --allow . --".split()),
    "nono run": ("open", "nono run --allow . --".split()),
    "hakoniwa": ("open", "hakoniwa run --".split()),
    "firejail": ("open", ["firejail", "--quiet"]),
    "srt": ("open", ["srt"]),
}
there = {name: way for name, way in ways.items() if not way[1] or shutil.which(way[1][0])}
ready = {name: (f"{scratch}/{home}", [*words, "/bin/true"]) for name, (home, words) in there.items()}
median = medians(ready, turns)
for name, value in median.items():
    print(f"{name:25} {value:7.2f} ms   {value / median[ours]:6.2f}")
absent = ways.keys() - there.keys()
if absent:
    print(f"not on PATH, so not measured: {', '.join(sorted(absent))}")
PYTHON
