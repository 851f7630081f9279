#!/usr/bin/env python3
"""How long can a hidden file be read while the host replaces it?

A program inside polls as fast as it can; the host replaces the file by rename, again and again. The
kernel takes the mask of the old file away in the rename, and the keeper puts one on the new file. The
window of a replacement is the time from the first to the last read around it that succeeded inside,
whichever of the two files was read.

    cargo build --release --locked && benches/remask.py
"""

import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ROUNDS = int(os.environ.get("ROUNDS", "300"))
PACKAGE = pathlib.Path(__file__).resolve().parent.parent
AIGATE = os.environ.get("AIGATE_BIN", str(PACKAGE / "target/release/aigate"))

POLL = """
import time
print("ready", flush=True)
end = time.monotonic() + %d
seen = []
while time.monotonic() < end:
    try:
        open(".env").close()
    except OSError:
        continue
    now = time.monotonic()
    if seen and now - seen[-1][1] < 0.01:
        seen[-1][1] = now
    else:
        seen.append([now, now])
for first, last in seen:
    print(last - first)
"""


def main() -> None:
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache"))
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as scratch:
        project = pathlib.Path(scratch, "home/work/app")
        project.mkdir(parents=True)
        (project / ".env").write_text("first\n")
        os.environ["HOME"] = str(pathlib.Path(scratch, "home"))
        seconds = ROUNDS // 30 + 3
        inside = subprocess.Popen(
            [AIGATE, "exec", "--", sys.executable, "-c", POLL % seconds],
            cwd=project, stdout=subprocess.PIPE, text=True,
        )
        assert inside.stdout.readline() == "ready\n"
        time.sleep(1)  # the start itself is another matter
        for round_ in range(ROUNDS):
            (project / "new").write_text(f"{round_}\n")
            os.rename(project / "new", project / ".env")
            time.sleep(0.03)
        windows = [float(line) * 1000 for line in inside.stdout]
        inside.wait()
    print(f"replaced {ROUNDS} times, read inside at {len(windows)} of them")
    if windows:
        print(f"window: median {statistics.median(windows):.3f} ms, worst {max(windows):.3f} ms")


if __name__ == "__main__":
    main()
