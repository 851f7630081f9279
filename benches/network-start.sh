#!/bin/sh
# How long does a sandboxed `true` take in each mode of the network? In turns of random order, in one
# run. Only the ratios mean something on another machine.
#
#   cargo build --release --locked && benches/network-start.sh [TURNS]
set -eu

needs=python3
# shellcheck source=benches/scratch.sh
. "$(dirname "$0")/scratch.sh"
for mode in open off filtered; do
    mkdir -p "$scratch/$mode/.aigate" "$scratch/$mode/app"
    echo "network: $mode" >"$scratch/$mode/.aigate/config.yaml"
    echo KEY=1 >"$scratch/$mode/app/.env"
done

python3 - "$aigate" "$scratch" "${1:-200}" <<'PYTHON'
import os, random, statistics, subprocess, sys, time
aigate, scratch, turns = sys.argv[1], sys.argv[2], int(sys.argv[3])
times = {"true": [], "open": [], "off": [], "filtered": []}
for _ in range(turns):
    for mode in random.sample(list(times), len(times)):
        home = f"{scratch}/{'open' if mode == 'true' else mode}"
        words = ["/bin/true"] if mode == "true" else [aigate, "exec", "--", "/bin/true"]
        start = time.perf_counter()
        subprocess.run(words, env={**os.environ, "HOME": home}, cwd=f"{home}/app", check=True)
        times[mode].append((time.perf_counter() - start) * 1000)
median = {mode: statistics.median(values) for mode, values in times.items()}
for mode, value in median.items():
    print(f"{mode:9} {value:6.2f} ms   median of {turns}")
for mode, most in (("filtered", "    (to reach: <= 1.5)"), ("off", "")):
    print(f"{mode} / open {median[mode] / median['open']:5.2f}{most}")
PYTHON
