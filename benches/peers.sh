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
for home in open filtered; do
    mkdir -p "$scratch/$home/.aigate" "$scratch/$home/app"
    echo "network: $home" >"$scratch/$home/.aigate/config.yaml"
    echo KEY=1 >"$scratch/$home/app/.env"
done

python3 - "$aigate" "$scratch" "${1:-60}" <<'PYTHON'
import os, random, shutil, statistics, subprocess, sys, time
aigate, scratch, turns = sys.argv[1], sys.argv[2], int(sys.argv[3])
ways = {
    "true": ("open", []),
    "aigate, network open": ("open", [aigate, "exec", "--"]),
    "aigate, network filtered": ("filtered", [aigate, "exec", "--"]),
    "bwrap": ("open", f"bwrap --ro-bind / / --bind {scratch}/open/app {scratch}/open/app --dev /dev --proc /proc "
                      "--tmpfs /tmp --unshare-user --unshare-pid --die-with-parent --".split()),
    "nono wrap": ("open", "nono wrap --allow . --".split()),
    "nono run": ("open", "nono run --allow . --".split()),
    "hakoniwa": ("open", "hakoniwa run --".split()),
    "firejail": ("open", ["firejail", "--quiet"]),
    "srt": ("open", ["srt"]),
}
ways = {name: way for name, way in ways.items() if not way[1] or shutil.which(way[1][0])}
times = {name: [] for name in ways}
for _ in range(turns):
    for name in random.sample(list(ways), len(ways)):
        home, words = ways[name]
        home = f"{scratch}/{home}"
        start = time.perf_counter()
        subprocess.run([*words, "/bin/true"], env={**os.environ, "HOME": home}, cwd=f"{home}/app", check=True,
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        times[name].append((time.perf_counter() - start) * 1000)
ours = statistics.median(times["aigate, network open"])
for name, values in times.items():
    median = statistics.median(values)
    print(f"{name:25} {median:7.2f} ms   {median / ours:6.2f}")
PYTHON
