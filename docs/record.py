#!/usr/bin/env python3
"""Records a real session as docs/session.svg: what is typed runs in a real terminal, in a scratch home.

    docs/record.py PATH/OF/aigate

The picture shows what the commands printed and nothing else; it follows the reader's light or dark.
"""

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import tempfile
from html import escape
from pathlib import Path

TYPED = [
    "cat .env",
    "aigate exec -- cat .env",
    "aigate explain read .env",
    "aigate exec -- cat ~/.ssh/id_ed25519",
    "aigate exec -- sh -c 'echo evil >> .git/hooks/pre-commit'",
    "aigate exec -- curl -sS https://telemetry.example",
    "aigate exec -- git commit -qam 'The work goes on' && git --no-pager log --oneline",
    "aigate audit -n 2",
]
WIDTH = 100


def prepare(home: Path) -> None:
    web = home / "web"
    (home / ".ssh").mkdir()
    (home / ".ssh/id_ed25519").write_text("PRIVATE KEY\n")
    web.mkdir()
    (web / ".env").write_text("STRIPE_KEY=sk_live_51H\n")
    (web / "app.js").write_text("one\n")
    git = ["git", "-c", "user.name=me", "-c", "user.email=me@example.org"]
    for command in (["init", "-q", "-b", "main"], ["config", "user.name", "me"],
                    ["config", "user.email", "me@example.org"], ["add", "app.js"], ["commit", "-qm", "Start"]):
        subprocess.run(git + command, cwd=web, check=True)
    (web / "app.js").write_text("two\n")


def run(typed: str, home: Path, path: str) -> str:
    """What a terminal would show after `typed`."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(home / "web")
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
        rows.append(f'<text y="{y}"><tspan class="p">~/web$</tspan> <tspan class="t">{escape(typed)}</tspan></text>')
        y += 20
        for line in (part for line in shown.splitlines() for part in wrapped(line)):
            rows.append(f'<text y="{y}" class="o">{escape(line)}</text>')
            y += 20
        y += 8
    body = "\n".join(rows).replace("<text ", '<text x="18" xml:space="preserve" ')
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 880 {y}" role="img" aria-label="A recorded session; the text is in docs/getting-started.md">
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
        prepare(home)
        path = f"{aigate.parent}:/usr/local/bin:/usr/bin:/bin"
        session = [(typed, run(typed, home, path)) for typed in TYPED]
    finally:
        shutil.rmtree(home)
    Path(__file__).with_name("session.svg").write_text(picture(session))
    for typed, shown in session:
        print(f"~/web$ {typed}\n{shown}", end="")


main()
