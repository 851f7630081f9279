"""Starts of programs, in turns of random order: a drift of the machine hits all alike."""

import os
import random
import statistics
import subprocess
import time


def medians(ways: dict[str, tuple[str, list[str]]], turns: int, project: str = "app") -> dict[str, float]:
    """Milliseconds by name; each way is a home, which has the project, and the words of a command."""
    times = {name: [] for name in ways}
    for _ in range(turns):
        for name in random.sample(list(ways), len(ways)):
            home, words = ways[name]
            start = time.perf_counter()
            subprocess.run(words, env={**os.environ, "HOME": home}, cwd=f"{home}/{project}", check=True,
                           stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            times[name].append((time.perf_counter() - start) * 1000)
    return {name: statistics.median(values) for name, values in times.items()}


def bwrap(project: str, hidden: list[str] = ()) -> list[str]:
    """Bubblewrap with the mounts and namespaces of a sandbox with an open network."""
    words = ["bwrap", "--ro-bind", "/", "/", "--bind", project, project, "--dev", "/dev", "--proc", "/proc",
             "--tmpfs", "/tmp", "--tmpfs", "/run"]
    for path in hidden:
        words += ["--ro-bind", "/dev/null", path]
    return words + ["--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try",
                    "--die-with-parent", "--"]
