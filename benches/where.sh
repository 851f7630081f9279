#!/bin/sh
# Where does the time of a start go? First aigate beside what it cannot be faster than: the same plan made by
# a program that decides nothing (benches/floor.c), and what every program pays that the C library starts.
# Then its phases, by the kernel's own tracepoints, for which perf needs root.
#
#   cargo build --release --locked && benches/where.sh [TURNS]
set -eu

needs="bwrap cc python3"
# shellcheck source=benches/scratch.sh
. "$(dirname "$0")/scratch.sh"
floor=$scratch/floor
cc -O2 -static -o "$floor" benches/floor.c
printf 'int main(void) { return 0; }\n' >"$scratch/library.c"
cc -O2 -static -o "$scratch/library" "$scratch/library.c"
printf 'void _start(void) { __asm__ volatile("syscall" :: "a"(60), "D"(0)); }\n' >"$scratch/nothing.c"
[ "$(uname -m)" != x86_64 ] || cc -O2 -static -nostdlib -o "$scratch/nothing" "$scratch/nothing.c"
mkdir -p "$scratch/home/.ssh" "$scratch/home/.aws" "$scratch/home/work/app" "$scratch/home/.aigate"
echo 'network: open' >"$scratch/home/.aigate/config.yaml"
export HOME="$scratch/home"
cd "$HOME/work/app"
echo KEY=1 >.env
"$aigate" exec --dry-run -- /bin/true >"$scratch/plan"

python3 - "$aigate" "$scratch" "${1:-300}" <<'PYTHON'
import collections, os, random, re, shutil, statistics, subprocess, sys, time
aigate, scratch, turns = sys.argv[1], sys.argv[2], int(sys.argv[3])
home, here = os.environ["HOME"], os.getcwd()
run = [aigate, "exec", "--", "/bin/true"]
commands = {
    "a program without the C library": [f"{scratch}/nothing"],
    "one with it, static": [f"{scratch}/library"],
    "true": ["/bin/true"],
    "the same plan, nothing decided": [f"{scratch}/floor", f"{scratch}/plan", "/bin/true"],
    "bwrap": f"bwrap --ro-bind / / --bind {here} {here} --dev /dev --proc /proc --tmpfs /tmp --tmpfs /run"
             f" --tmpfs {home}/.ssh --tmpfs {home}/.aws --ro-bind /dev/null {here}/.env --unshare-user"
             f" --unshare-pid --unshare-ipc --unshare-uts --unshare-cgroup-try --die-with-parent"
             f" --chdir {here} -- /bin/true".split(),
    "aigate": run,
}
commands = {name: words for name, words in commands.items() if shutil.which(words[0])}
times = {name: [] for name in commands}
for _ in range(turns):
    for name in random.sample(list(commands), len(commands)):
        start = time.perf_counter()
        process = os.posix_spawnp(commands[name][0], commands[name], os.environ)
        assert os.waitpid(process, 0)[1] == 0, name
        times[name].append((time.perf_counter() - start) * 1000)
ours = statistics.median(times["aigate"])
for name in commands:
    median = statistics.median(times[name])
    print(f"{name:34} {median:6.2f} ms {median / ours:6.2f}")

if os.geteuid() != 0 or not shutil.which("perf"):
    sys.exit("the phases: perf and root are missing")
events = ["sched:sched_process_" + name for name in ("exec", "exit", "fork")]
events += ["syscalls:sys_" + name for name in ("enter_poll", "enter_clone3", "exit_clone3", "enter_clone",
                                               "exit_wait4", "enter_exit_group")]
data = f"{scratch}/perf.data"
many = f"import subprocess\nfor _ in range({turns}): subprocess.run({run!r})"
subprocess.run(["perf", "record", "-aqm", "8M", "-e", ",".join(events), "-o", data, sys.executable, "-c", many], check=True)
trace = subprocess.run(["perf", "script", "-i", data, "-F", "comm,pid,tid,time,event,trace"],
                       text=True, capture_output=True, check=True).stdout
# The first moment of each event in a process of a run, which are known by whose children they are.
firsts, roles, runs = {}, {}, []
for line in trace.splitlines():
    found = re.match(r"\s*.+?\s+\d+/(\d+)\s+([\d.]+):\s+\w+:(\w+):\s*(.*)", line)
    if not found:
        continue
    thread, moment, event, rest = int(found[1]), float(found[2]) * 1e6, found[3], found[4]
    if event == "sched_process_exec" and f"filename={aigate} " in rest:
        firsts, roles = {}, {thread: "supervisor"}
        runs.append(firsts)
    child = re.search(r"child_pid=(\d+)", rest)
    if child and thread in roles:
        known = len(roles)
        parent = roles[thread]
        roles[int(child[1])] = "command" if parent == "init" else "init" if known == 1 else f"helper {known}"
    if thread in roles:
        firsts.setdefault((roles[thread], event), moment)
phases = [
    # The first that the runtime does is to look at its streams.
    ("the program is loaded, and the C library begins", ("supervisor", "sched_process_exec"), ("supervisor", "sys_enter_poll")),
    ("the rules are read, and what they name is found", ("supervisor", "sys_enter_poll"), ("supervisor", "sys_enter_clone3")),
    ("namespaces", ("supervisor", "sys_enter_clone3"), ("init", "sys_exit_clone3")),
    ("mounts, masks, privileges, filter", ("init", "sys_exit_clone3"), ("init", "sys_enter_clone")),
    ("the command is forked and executed", ("init", "sys_enter_clone"), ("command", "sched_process_exec")),
    ("it runs", ("command", "sched_process_exec"), ("command", "sys_enter_exit_group")),
    ("its end reaches init", ("command", "sys_enter_exit_group"), ("init", "sys_enter_exit_group")),
    ("the kernel takes the sandbox apart", ("init", "sys_enter_exit_group"), ("supervisor", "sys_exit_wait4")),
    ("the log is written", ("supervisor", "sys_exit_wait4"), ("supervisor", "sys_enter_exit_group")),
]
for name, since, until in phases:
    spans = [run[until] - run[since] for run in runs if since in run and until in run]
    print(f"{name:48} {statistics.median(spans):6.0f} us   of {len(spans)}")
PYTHON
