#!/bin/sh
# How long does a sandboxed `true` take? aigate, bwrap with the same mounts and namespaces, and no
# sandbox, interleaved in one run. Only the ratios mean something on another machine.
#
#   cargo build --release --locked && benches/start.sh
set -eu

needs="hyperfine bwrap python3"
# shellcheck source=benches/scratch.sh
. "$(dirname "$0")/scratch.sh"
rounds=${ROUNDS:-5}
runs=${RUNS:-60}
mkdir -p "$scratch/home/.ssh" "$scratch/home/.aws" "$scratch/home/work/app" "$scratch/home/.aigate"
# The mounts alone: bwrap leaves the network of the host here, too.
echo 'network: open' >"$scratch/home/.aigate/config.yaml"
export HOME="$scratch/home"
cd "$HOME/work/app"
echo KEY=1 >.env

bwrap="bwrap --ro-bind / / --bind $PWD $PWD --dev /dev --proc /proc --tmpfs /tmp --tmpfs /run
 --tmpfs $HOME/.ssh --tmpfs $HOME/.aws --ro-bind /dev/null $PWD/.env
 --unshare-user --unshare-pid --unshare-ipc --unshare-uts --unshare-cgroup-try
 --die-with-parent --chdir $PWD -- /bin/true"
bwrap=$(echo "$bwrap" | tr '\n' ' ')

# The order turns from round to round, so that a drift of the machine hits all alike.
round=0
while [ "$round" -lt "$rounds" ]; do
    round=$((round + 1))
    set -- -n aigate "$aigate exec -- /bin/true" -n bwrap "$bwrap" -n true /bin/true
    turn=$((round % 3))
    while [ "$turn" -gt 0 ]; do
        name=$2 command=$3
        shift 3
        set -- "$@" -n "$name" "$command"
        turn=$((turn - 1))
    done
    hyperfine -N --style none --warmup 5 --runs "$runs" --export-json "$scratch/$round.json" "$@" \
        >/dev/null 2>&1
done

python3 - "$scratch" <<'PYTHON'
import glob, json, statistics, sys
times = {}
for name in glob.glob(sys.argv[1] + "/*.json"):
    for result in json.load(open(name))["results"]:
        times.setdefault(result["command"], []).extend(result["times"])
median = {name: statistics.median(values) * 1000 for name, values in times.items()}
for name in ("true", "bwrap", "aigate"):
    print(f"{name:8} {median[name]:7.2f} ms   median of {len(times[name])}")
print(f"aigate / bwrap {median['aigate'] / median['bwrap']:5.2f}    (to reach: <= 1.0)")
print(f"aigate / true  {median['aigate'] / median['true']:5.2f}    (to reach: <= 5)")
PYTHON
