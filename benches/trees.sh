#!/bin/sh
# How long does a sandboxed `true` take in a project of 1000, 10 000, 50 000 and 100 000 files, a tenth as many
# directories, and ten hidden files at different depths? aigate finds them by its built-in rules, bwrap is
# given the same masks; with no sandbox beside them, in turns of random order, in one run. The first start,
# which lists the project, is not counted. Only the ratios mean something on another machine.
#
#   cargo build --release --locked && benches/trees.sh [TURNS]
set -eu

needs="bwrap python3"
# shellcheck source=benches/scratch.sh
. "$(dirname "$0")/scratch.sh"

PYTHONPATH=benches python3 -B - "$aigate" "$scratch" "${1:-60}" <<'PYTHON'
import os, subprocess, sys
from pathlib import Path
from turns import bwrap, medians
aigate, scratch, turns = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])

def tree(count):
    """A home with a project of so many files; and what is hidden in it."""
    home = scratch / str(count)
    (home / ".aigate").mkdir(parents=True)
    (home / ".aigate/config.yaml").write_text("network: open\n")
    directories = [home / "app"]
    for number in range(1, count // 10):
        # Ten below each: four levels for a hundred thousand files.
        directories.append(directories[(number - 1) // 10] / f"d{number % 10}")
    for directory in directories:
        directory.mkdir()
        for number in range(10):
            (directory / f"file{number}.rs").touch()
    hidden = [directory / ".env" for directory in directories[:: len(directories) // 10][:10]]
    for file in hidden:
        file.write_text("KEY=1\n")
    return str(home), [str(file) for file in hidden]

ways = {}
for count in (1000, 10_000, 50_000, 100_000):
    home, hidden = tree(count)
    ours = [aigate, "exec", "--"]
    # The first start writes the index; both hide what they are to hide.
    for words in (ours, ours, bwrap(f"{home}/app", hidden)):
        seen = subprocess.run([*words, "cat", *hidden], env={**os.environ, "HOME": home}, cwd=f"{home}/app",
                              capture_output=True)
        assert b"KEY" not in seen.stdout, words
    for name, words in (("true", []), ("bwrap", bwrap(f"{home}/app", hidden)), ("aigate", ours)):
        ways[name, count] = (home, [*words, "/bin/true"])
median = medians(ways, turns)
for count in (1000, 10_000, 50_000, 100_000):
    true, peer, ours = (median[name, count] for name in ("true", "bwrap", "aigate"))
    print(f"{count:7} files   true {true:6.2f}   bwrap {peer:6.2f}   aigate {ours:6.2f} ms   "
          f"aigate / bwrap {ours / peer:5.2f}   beside 1000 files {ours / median['aigate', 1000]:5.2f}")
PYTHON
