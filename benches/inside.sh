#!/bin/sh
# What a program pays inside: 50 000 opens (processor time), 5000 new files in memory and 1000 starts of a
# program, beside the same outside in turns; the starts also where a rule is about arguments, and where each
# is recorded; and the memory of aigate's processes beside it. Only the ratios mean something elsewhere.
# The opens are also made outside under a seccomp filter of one instruction, which allows everything: what
# the kernel takes for having any filter at all; and under one that does nothing but look whether an open
# makes a file: what it takes for running a filter, since its table of answers knows no arguments.
#
#   cargo build --release --locked && benches/inside.sh [TURNS]
set -eu

needs=python3
# shellcheck source=benches/scratch.sh
. "$(dirname "$0")/scratch.sh"
mkdir -p "$scratch/app" "$scratch/asked/.aigate" "$scratch/recorded/.aigate"
echo 'deny_exec: ["git push --force"]' >"$scratch/asked/.aigate/config.yaml"
echo 'audit_exec: true' >"$scratch/recorded/.aigate/config.yaml"
echo KEY=1 >"$scratch/app/.env"
cat >"$scratch/app/work.py" <<'PYTHON'
import ctypes, os, platform, struct, sys, time
if sys.argv[2] in ("filter", "look"):
    allow, refuse = (0x06, 0, 0, 0x7fff0000), (0x06, 0, 0, 0x00050001)
    machine, openat = {"x86_64": (0xc000003e, 257), "aarch64": (0xc00000b7, 56)}[platform.machine()]
    # The machine, the call, and O_CREAT among its flags.
    look = [(0x20, 0, 0, 4), (0x15, 0, 5, machine), (0x20, 0, 0, 0), (0x15, 0, 3, openat),
            (0x20, 0, 0, 32), (0x45, 0, 1, 0x40), refuse, allow]
    steps = look if sys.argv[2] == "look" else [allow]
    code = b"".join(struct.pack("HBBI", *step) for step in steps)
    instructions = ctypes.create_string_buffer(code)
    class Program(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p)]
    program = Program(len(steps), ctypes.addressof(instructions))
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    prctl(38, 1, 0, 0, 0)
    assert prctl(22, 2, ctypes.byref(program), 0, 0) == 0, ctypes.get_errno()
# Nobody else works for an open, so what others do on the machine need not count.
clock = time.process_time if sys.argv[1] == "opens" else time.perf_counter
start = clock()
if sys.argv[1] == "opens":
    for _ in range(50_000):
        os.close(os.open("work.py", os.O_RDONLY))
elif sys.argv[1] == "files":
    for number in range(5_000):
        os.close(os.open(f"/dev/shm/aigate-bench-{number}", os.O_CREAT | os.O_WRONLY))
    for number in range(5_000):
        os.unlink(f"/dev/shm/aigate-bench-{number}")
else:
    for _ in range(1000):
        os.waitpid(os.posix_spawn("/bin/true", ["true"], os.environ), 0)
print((clock() - start) * 1000)
PYTHON

python3 - "$aigate" "$scratch" "${1:-9}" <<'PYTHON'
import os, statistics, subprocess, sys, time
aigate, scratch, turns = sys.argv[1], sys.argv[2], int(sys.argv[3])
def at(where):
    home = f"{scratch}/{where}" if where in ("asked", "recorded") else scratch
    return {"env": {**os.environ, "HOME": home}, "cwd": f"{scratch}/app"}
inside = [aigate, "exec", "--"]
for work, places in (
    ("opens", ("outside", "inside", "filter", "look")),
    ("files", ("outside", "inside")),
    ("starts", ("outside", "inside", "asked", "recorded")),
):
    times = {where: [] for where in places}
    for turn in range(turns):
        for where in sorted(times, reverse=turn % 2 == 0):
            words = [] if where in ("outside", "filter", "look") else inside
            words = words + ["/usr/bin/python3", "work.py", work, where]
            times[where].append(float(subprocess.check_output(words, **at(where))))
    out = statistics.median(times["outside"])
    for where in places[1:]:
        taken = statistics.median(times[where])
        print(f"{work:7} outside {out:8.1f} ms, {where} {taken:8.1f} ms, ratio {taken / out:.3f}")

# Proportional, so that what processes share is counted once; without the command's own.
def private(process):
    with open(f"/proc/{process}/smaps_rollup") as rollup:
        return sum(int(line.split()[1]) for line in rollup if line.startswith("Pss:"))

for asks, script in (("nothing", "true"), ("for a name", "getent hosts refused.example")):
    run = subprocess.Popen(inside + ["sh", "-c", f"{script}; echo there; read end"],
                           stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, **at("inside"))
    run.stdout.readline()
    # Who has waited for a second lets go of what the start has touched.
    time.sleep(1.5)
    own = [run.pid]
    with open(f"/proc/{run.pid}/task/{run.pid}/children") as children:
        own += children.read().split()
    try:
        print(f"memory beside a command that asks the network {asks}: "
              f"{sum(map(private, own)) / 1024:.1f} MiB in {len(own)} processes")
    except PermissionError:
        print("memory: only root sees that of processes that are not dumpable")
    run.communicate(b"\n")
PYTHON
