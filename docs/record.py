#!/usr/bin/env python3
"""Records a real session as docs/session.svg: what is typed runs in a real terminal, in a scratch home.

    docs/record.py PATH/OF/aigate

docs/session.md has the commands: those of its first block prepare the home, those of the second are
shown. The picture shows what they printed and nothing else; it follows the reader's light or dark.
"""

import os
import pty
import re
import select
import shutil
import sys
import tempfile
from html import escape
from pathlib import Path

PAGE = Path(__file__).with_name("session.md")
WIDTH = 100


def commands() -> list[list[str]]:
    """What the page types, by block."""
    blocks = re.findall(r"^```console\n(.*?)^```", PAGE.read_text(), re.M | re.S)
    return [re.findall(r"^\$ (.*)", block, re.M) for block in blocks]


def run(typed: str, home: Path, path: str) -> str:
    """What a terminal would show after `typed`."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(home / "project")
        env = {"HOME": str(home), "PATH": path, "TERM": "xterm-256color", "LANG": "C.UTF-8"}
        os.execve("/bin/sh", ["sh", "-c", typed], env)
    shown = b""
    while select.select([terminal], [], [], 60)[0]:
        try:
            part = os.read(terminal, 4096)
        except OSError:
            break
        if not part:
            break
        shown += part
    os.waitpid(pid, 0)
    text = shown.decode(errors="replace").replace("\r\n", "\n").replace(str(home), "~")
    return re.sub(r"\x1b\[[?0-9;]*[A-Za-z]", "", text)


def wrapped(line: str) -> list[str]:
    return [line[at:at + WIDTH] for at in range(0, max(len(line), 1), WIDTH)]


def picture(session: list[tuple[str, str]]) -> str:
    rows, y = [], 52
    for typed, shown in session:
        rows.append(f'<text y="{y}"><tspan class="p">~/project$</tspan> <tspan class="t">{escape(typed)}</tspan></text>')
        y += 20
        for line in (part for line in shown.splitlines() for part in wrapped(line)):
            rows.append(f'<text y="{y}" class="o">{escape(line)}</text>')
            y += 20
        y += 8
    body = "\n".join(rows).replace("<text ", '<text x="18" xml:space="preserve" ')
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 880 {y}" role="img" aria-label="A recorded session; the text is in docs/session.md">
<style>
text {{ font: 13.5px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; }}
.g {{ fill: #ffffff; stroke: #d0d0ca; }} .p {{ fill: #1b6e3c; }} .t {{ fill: #1d1f21; font-weight: 600; }} .o {{ fill: #4c5157; }}
.d {{ fill: #d0d0ca; }}
@media (prefers-color-scheme: dark) {{
.g {{ fill: #1c1f23; stroke: #33383e; }} .p {{ fill: #7fd6a0; }} .t {{ fill: #e6e7e8; }} .o {{ fill: #b3b9bf; }} .d {{ fill: #454b52; }}
}}
</style>
<rect class="g" x="1" y="1" width="878" height="{y - 2}" rx="9"/>
<circle class="d" cx="20" cy="20" r="5"/><circle class="d" cx="38" cy="20" r="5"/><circle class="d" cx="56" cy="20" r="5"/>
{body}
</svg>
"""


def main() -> None:
    aigate = Path(sys.argv[1]).resolve()
    # Not in /tmp, which a sandbox has for itself.
    base = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    base.mkdir(exist_ok=True)
    home = Path(tempfile.mkdtemp(prefix="aigate-record.", dir=base))
    try:
        (home / "project").mkdir()
        path = f"{aigate.parent}:/usr/local/bin:/usr/bin:/bin"
        before, shown = commands()
        for typed in before:
            run(typed, home, path)
        session = [(typed, run(typed, home, path)) for typed in shown]
    finally:
        shutil.rmtree(home)
    Path(__file__).with_name("session.svg").write_text(picture(session))
    for typed, shown in session:
        print(f"~/project$ {typed}\n{shown}", end="")


main()
