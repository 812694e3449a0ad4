"""A display on a real pseudo-terminal, in a file, and on one that was closed."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import struct
import termios
from dataclasses import replace
from typing import TYPE_CHECKING, TextIO

import pytest

from corebound.api.records import SlotState
from corebound.reporting.display import Display

from .views import view

if TYPE_CHECKING:
    from collections.abc import Iterator

    from corebound.reporting.status import CampaignView


class Terminal:
    """A pseudo-terminal and what its screen shows: enough of a terminal for what a display sends."""

    def __init__(self) -> None:
        self._control, side = pty.openpty()
        # Nothing is held back: what could not be written must not be tried again when the stream is closed.
        self.stream: TextIO = io.TextIOWrapper(io.FileIO(side, "w"), write_through=True)
        self.sent = b""

    def resize(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self._control, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def screen(self) -> list[str]:
        """The lines of the screen; lines are not wrapped, so a test must make it wide enough for what it prints."""
        while True:
            os.set_blocking(self._control, False)
            try:
                self.sent += os.read(self._control, 65536)
            except BlockingIOError:
                break
        lines, row = [""], 0
        text = self.sent.decode().replace("\x1b[J", "\0")
        for piece in text.split("\n"):
            piece = piece.replace("\r", "")
            while piece.startswith("\x1b[") and piece.partition("A")[0][2:].isdigit():
                up, _, piece = piece[2:].partition("A")
                row -= int(up)
            if "\0" in piece:
                piece = piece.replace("\0", "")
                del lines[row:]
            lines[row:] = [piece]
            row += 1
        return lines[:-1] if lines[-1] == "" else lines

    def close(self) -> None:
        os.close(self._control)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("NO_COLOR", "1")
    made = Terminal()
    made.resize(150, 24)
    yield made
    made.stream.close()


def later(before: CampaignView, done: int) -> CampaignView:
    summary = replace(before.summary, counts={SlotState.SUCCEEDED: done, SlotState.RUNNING: 2})
    return replace(before, summary=summary)


def test_a_terminal_is_redrawn_in_place_and_left_clean(terminal: Terminal) -> None:
    with Display(quiet=False, stream=terminal.stream) as display:
        display.say("the plan")
        for done in range(5):
            display.show([later(view(), done)])
        screen = terminal.screen()
        assert screen[:2] == ["the plan", screen[1]]
        assert screen[1].startswith("poles: 4/200 done")
        assert len(screen) == 5
        display.say("a worker died")
        assert terminal.screen()[:2] == ["the plan", "a worker died"]
        assert len(terminal.screen()) == 6
    assert terminal.screen() == ["the plan", "a worker died"]


def test_lines_that_became_several_are_taken_back(terminal: Terminal) -> None:
    with Display(quiet=False, stream=terminal.stream) as display:
        display.show([view()])
        status = terminal.screen()[0]
        terminal.resize(60, 24)
        before = len(terminal.sent)
        display.show([view()])
        terminal.screen()
        drawn_before = -(-len(status) // 60) + 3 * 2
        assert terminal.sent[before:].startswith(f"\x1b[{drawn_before}A".encode())


def test_colour_only_where_it_is_wanted(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR")
    Display(quiet=False, stream=terminal.stream).show([view()])
    terminal.screen()
    assert b"\x1b[31m1 failed\x1b[0m" in terminal.sent
    monkeypatch.setenv("NO_COLOR", "1")
    before = len(terminal.sent)
    Display(quiet=False, stream=terminal.stream).show([view()])
    terminal.screen()
    assert b"\x1b[3" not in terminal.sent[before:]


def test_a_dumb_terminal_gets_plain_lines(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    with Display(quiet=False, stream=terminal.stream) as display:
        display.show([view()])
        display.show([later(view(), 9)])
    terminal.screen()
    assert b"\x1b" not in terminal.sent
    assert terminal.sent.count(b"poles: ") == 1


def test_a_log_gets_a_line_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    with Display(quiet=False, stream=stream) as display:
        display.show([view()])
        assert not display.is_due
        display.show([later(view(), 9)])
    assert stream.getvalue().count("\n") == 4
    assert "\x1b" not in stream.getvalue()


def test_quiet_is_quiet() -> None:
    stream = io.StringIO()
    with Display(quiet=True, stream=stream) as display:
        assert not display.is_due
        display.show([view()])
        display.say("something")
    assert stream.getvalue() == ""


def test_a_terminal_that_was_closed_is_no_error(terminal: Terminal) -> None:
    with Display(quiet=False, stream=terminal.stream) as display:
        display.show([view()])
        terminal.close()
        display.show([later(view(), 9)])
        display.say("nobody reads this")
        assert not display.is_due


def test_a_full_disk_is_no_error_either() -> None:
    with (
        io.TextIOWrapper(io.FileIO("/dev/full", "w"), write_through=True) as stream,
        Display(quiet=False, stream=stream) as display,
    ):
        display.say("there is no room for this")
        assert not display.is_due
