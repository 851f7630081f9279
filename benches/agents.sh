#!/bin/sh
# What do a shim and a hook add to a program that does nothing? In turns of random order, in one run
# outside and one inside the sandbox. Only what is added means something on another machine.
#
#   cargo build --release --locked && benches/agents.sh [TURNS]
set -eu

needs=python3
# shellcheck source=benches/scratch.sh
. "$(dirname "$0")/scratch.sh"
export HOME="$scratch"
unset XDG_CONFIG_HOME XDG_CACHE_HOME XDG_DATA_HOME XDG_STATE_HOME CLAUDE_CONFIG_DIR
mkdir -p "$HOME/bin" "$HOME/app"
cp /bin/true "$HOME/bin/claude"
export PATH="$HOME/.aigate/shims:$HOME/bin:/usr/local/bin:/usr/bin:/bin"
cd "$HOME/app"
echo KEY=1 >.env
"$aigate" shim install --no-shell claude >/dev/null
echo 'hook: {outside: warn}' >"$HOME/.aigate/config.yaml"

measure=$(cat <<'PYTHON'
import json, os, random, statistics, subprocess, sys, tempfile, time
where, turns = sys.argv[1], int(sys.argv[2])
home = os.environ["HOME"]

def event(command):
    said = {"hook_event_name": "PreToolUse", "session_id": "s", "transcript_path": "/t", "cwd": os.getcwd(),
            "tool_name": "Bash", "tool_input": {"command": command}}
    file = tempfile.TemporaryFile()
    file.write(json.dumps(said).encode())
    return file

hook = [f"{home}/.aigate/bin/aigate", "hook", "claude"]
words = {
    "direct": ([f"{home}/bin/claude"], event("")),
    "shim": ([f"{home}/.aigate/shims/claude"], event("")),
    "hook, silent": (hook, event("cargo test --all && git status")),
    "hook, denies": (hook, event("cat .env")),
}
if where == "outside":
    words["exec"] = ([hook[0], "exec", "--profile", "claude", "--", f"{home}/bin/claude"], event(""))
times = {name: [] for name in words}
for _ in range(turns):
    for name in random.sample(list(words), len(words)):
        command, said = words[name]
        said.seek(0)
        start = time.perf_counter()
        done = subprocess.run(command, stdin=said, stdout=subprocess.PIPE, check=True)
        times[name].append((time.perf_counter() - start) * 1000)
        assert (b"deny" in done.stdout) == (name == "hook, denies"), done
median = {name: statistics.median(values) for name, values in times.items()}
for name, value in median.items():
    print(f"{where:8} {name:13} {value:6.2f} ms  {value - median['direct']:+6.2f}   median of {turns}")
PYTHON
)

python3 -c "$measure" outside "${1:-300}"
"$aigate" exec -- python3 -c "$measure" inside "${1:-300}"
echo "to reach: a shim inside +1, a hook 5"
