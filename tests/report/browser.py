"""A real browser without a window, driven by the DevTools protocol over a pair of pipes: no driver, no port, no package.

What could go wrong: a page that never finishes (every wait has a limit and says what it waited for), a browser that dies
(said with its last words).
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

PROGRAMS: Final = ("chromium", "chromium-browser", "google-chrome")
SECONDS: Final = 120.0
DRAWN: Final = """
    (() => {
        const opaque = ({width, height}, context) =>
            context.getImageData(0, 0, width, height).data.reduce((sum, byte, at) => sum + (at % 4 === 3 && byte > 0), 0);
        return [...document.querySelectorAll('.plot')].map((place) => ({
            key: place.id,
            marks: place.querySelectorAll('svg path, svg text').length,
            painted: [...place.querySelectorAll('canvas')].reduce((n, each) => n + opaque(each, each.getContext('2d')), 0),
            width: place.clientWidth,
        }));
    })()
"""
"""How much of each figure is really there, drawn or painted."""


@dataclass
class Seen:
    """What a page did beside being shown."""

    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    """Errors and warnings of the console, exceptions, refused requests."""


class Browser:
    """A context manager; one page at a time."""

    def __init__(self) -> None:
        found = [path for path in map(shutil.which, PROGRAMS) if path]
        if not found:
            raise AssertionError(f"no browser here: {', '.join(PROGRAMS)}")
        self._folder = tempfile.TemporaryDirectory(prefix="corebound-browser-", ignore_cleanup_errors=True)
        ours, theirs = os.pipe(), os.pipe()
        # The browser reads commands from 3 and answers on 4, whatever numbers these pipes have here.
        inherited = [fcntl.fcntl(number, fcntl.F_DUPFD, 10) for number in (ours[0], theirs[1])]
        os.close(ours[0])
        os.close(theirs[1])
        self._write, self._read = ours[1], theirs[0]
        self._errors = Path(self._folder.name) / "stderr"
        with self._errors.open("wb") as errors:
            self._process = subprocess.Popen(
                [
                    found[0],
                    "--headless=new",
                    "--no-sandbox",  # tests run as root in containers; the pages are our own
                    "--disable-gpu",
                    "--disable-dev-shm-usage",
                    "--disable-background-networking",
                    "--no-first-run",
                    "--hide-scrollbars",
                    f"--user-data-dir={self._folder.name}/profile",
                    "--remote-debugging-pipe",
                    "about:blank",
                ],
                stdin=subprocess.DEVNULL,
                stdout=errors,
                stderr=errors,
                pass_fds=(3, 4),
                preexec_fn=lambda: (os.dup2(inherited[0], 3), os.dup2(inherited[1], 4)),
            )
        for number in inherited:
            os.close(number)
        self._number = 0
        self._buffer = b""
        self._session = ""
        self.seen = Seen()

    def __enter__(self) -> Browser:
        target = self._ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self._ask(f"{domain}.enable")
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._write)
        os.close(self._read)
        self._folder.cleanup()

    def open(self, path: Path, *, width: int = 1280, height: int = 900) -> list[dict[str, Any]]:
        """Show the file, wait until every figure is drawn, and return what is drawn of each."""
        self.seen = Seen()
        self._ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self._ask("Page.navigate", url=path.absolute().as_uri())
        self._wait(lambda: self.value("document.readyState") == "complete", "the page to be loaded")
        drawn = "[...document.querySelectorAll('.plot')].every((place) => Number(place.dataset.drawn) > 0)"
        self._wait(lambda: bool(self.value(drawn)), "every figure to be drawn")
        figures: list[dict[str, Any]] = self.value(DRAWN)
        return figures

    def value(self, expression: str) -> Any:
        """What the page says to ``expression``."""
        answer = self._ask("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in answer:
            raise AssertionError(f"{expression}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def press(self, key: str) -> None:
        """Press and let go a key such as ``Tab``."""
        for kind in ("keyDown", "keyUp"):
            self._ask(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                code=key,
                windowsVirtualKeyCode={"Tab": 9, "Enter": 13}[key],
            )

    def picture(self) -> bytes:
        """PNG of what is seen."""
        return base64.b64decode(self._ask("Page.captureScreenshot", format="png")["data"])

    def printed(self) -> bytes:
        """PDF of the page as it would be printed."""
        answer = self._ask("Page.printToPDF", printBackground=False, preferCSSPageSize=True)
        return base64.b64decode(answer["data"])

    def _wait(self, is_so: Callable[[], bool], what: str) -> None:
        ends = time.monotonic() + SECONDS
        while not is_so():
            if time.monotonic() > ends or self.seen.complaints:
                raise AssertionError(f"waited at most {SECONDS} s for {what}; {self.seen}")
            time.sleep(0.1)

    def _ask(self, method: str, /, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode("utf-8") + b"\0")
        ends = time.monotonic() + SECONDS
        while True:
            answer = self._next(ends, method)
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise AssertionError(f"{method}: {answer['error']}")
                result: dict[str, Any] = answer["result"]
                return result
            self._note(answer)

    def _next(self, ends: float, method: str) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._read], [], [], max(0.0, ends - time.monotonic()))
            piece = os.read(self._read, 1 << 20) if ready else b""
            if not piece:
                last = self._errors.read_text(encoding="utf-8", errors="replace")[-2000:]
                raise AssertionError(f"the browser does not answer to {method}: {last}")
            self._buffer += piece
        message, _, self._buffer = self._buffer.partition(b"\0")
        answer: dict[str, Any] = json.loads(message)
        return answer

    def _note(self, event: dict[str, Any]) -> None:
        method, found = event.get("method"), event.get("params", {})
        if method == "Network.requestWillBeSent":
            self.seen.requests.append(found["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            self.seen.complaints.append(str(found["exceptionDetails"]))
        elif method == "Runtime.consoleAPICalled" and found["type"] in ("error", "warning", "assert"):
            self.seen.complaints.append(str(found["args"]))
        elif method == "Log.entryAdded" and found["entry"]["level"] in ("error", "warning"):
            self.seen.complaints.append(str(found["entry"]))
