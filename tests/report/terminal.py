"""The README's picture of a terminal, of a real search in the middle: ``python -m tests.report.terminal docs/terminal.png``.

A pseudo-terminal of 100 columns; the frame that is drawn when half of the trials are done. The browser of the tests draws it.
"""

from __future__ import annotations

import contextlib
import fcntl
import html
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import tempfile
import termios
from pathlib import Path
from typing import Final

from .browser import Browser

COLUMNS, LINES = 100, 30
COMMAND: Final = "corebound run -f examples/pole-balancing.yaml"
HALF: Final = re.compile(r"1[2-6]/24 done, 2 running")
REDRAWN: Final = re.compile(r"\x1b\[\d+A\r\x1b\[J")
COLOUR: Final = re.compile(r"\x1b\[(\d+(?:;\d+)*)m")
NAMED: Final = {
    "31": "#ff7b72",
    "32": "#7ee787",
    "33": "#e3b341",
    "34": "#79c0ff",
    "36": "#76e3ea",
    "1": "#ffffff",
    "2": "#8b949e",
}
STYLE: Final = "margin:0;padding:18px;color:#c9d1d9;font:15px/1.45 monospace"
PAGE: Final = """<!doctype html><meta charset="utf-8">
<body style="margin:0;background:#0d1117"><pre style="{style}">{text}</pre>
"""


def frame() -> str:
    """What the terminal shows in the middle of the search: what stays, then the newest drawing."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    with tempfile.TemporaryDirectory() as home:
        command = [str(Path(sys.executable).with_name("corebound")), *COMMAND.split()[1:]]
        environment = {**os.environ, "COREBOUND_HOME": home, "TERM": "xterm-256color"}
        process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment)
        os.close(theirs)
        shown = ""
        try:
            while not HALF.search(shown[-3000:]) or shown.count("attempt  worker") < 3:
                shown += os.read(ours, 65536).decode()
        finally:
            process.send_signal(signal.SIGINT)
            with contextlib.suppress(OSError):  # how the end of a pseudo-terminal is told
                while os.read(ours, 65536):
                    pass
            process.wait()
            os.close(ours)
    pieces = REDRAWN.split(shown)
    stays = [
        line for piece in pieces[:-1] for line in piece.splitlines() if line.startswith("pole-balancing: 1 thread")
    ]
    newest = next(piece for piece in reversed(pieces) if HALF.search(piece) and piece.endswith("\n"))
    return "\n".join([f"$ {COMMAND}", *stays[:1], newest.replace("\r", "")])


def page(text: str) -> str:
    """Colours as spans."""
    parts, opened = [], 0
    for index, part in enumerate(COLOUR.split(html.escape(text, quote=False))):
        if index % 2 == 0:
            parts.append(part)
        elif part == "0":
            parts.append("</span>" * opened)
            opened = 0
        else:
            colour = next((NAMED[each] for each in part.split(";") if each in NAMED), "inherit")
            parts.append(f'<span style="color:{colour}">')
            opened += 1
    return PAGE.format(style=STYLE, text="".join(parts) + "</span>" * opened)


if __name__ == "__main__":
    seen = frame()
    with tempfile.TemporaryDirectory() as folder, Browser() as opened:
        drawn = Path(folder) / "terminal.html"
        drawn.write_text(page(seen), encoding="utf-8")
        opened.open(drawn, width=COLUMNS * 9 + 40, height=22 * (seen.count("\n") + 1) + 40)
        Path(sys.argv[1]).write_bytes(opened.picture())
