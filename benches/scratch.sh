# shellcheck shell=sh
# What the benches begin with: the program that is measured, and a directory that goes at the end. `needs`
# are the other programs that the bench runs.
cd "$(dirname "$0")/.." || exit
# shellcheck disable=SC2034 # used by who reads this
aigate=${AIGATE_BIN:-$PWD/target/release/aigate}
# shellcheck disable=SC2154 # set by who reads this
for tool in $needs; do
    command -v "$tool" >/dev/null || { echo "$0: $tool is missing" >&2; exit 1; }
done

# Not in /tmp, which sandboxes replace.
mkdir -p "${XDG_CACHE_HOME:-$HOME/.cache}"
scratch=$(mktemp -d "${XDG_CACHE_HOME:-$HOME/.cache}/aigate-bench.XXXXXX")
trap 'rm -rf "$scratch"' EXIT

# A home for each of these modes of the network, with a project in it.
homes() {
    for mode in "$@"; do
        mkdir -p "$scratch/$mode/.aigate" "$scratch/$mode/app"
        echo "network: $mode" >"$scratch/$mode/.aigate/config.yaml"
        echo KEY=1 >"$scratch/$mode/app/.env"
    done
}
