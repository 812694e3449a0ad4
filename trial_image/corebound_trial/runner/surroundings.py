"""What a trial finds in its process and may change for itself: put back after it, so that no trial marks the next.

Taken before each attempt, because importing an objective may change things on purpose; compared and put back after it. Random
state is not here: it is seeded for each slot. What could go wrong: output that was closed cannot be put back (the process is
then replaced), a folder that was deleted cannot be gone back to (the same), a change is that of a module which the attempt
imported, and which is not run again (what modules usually set stays then).
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

STREAMS = ("stdin", "stdout", "stderr")
ENVIRONMENT: Final = "environment variables"
TORCH: Final = "torch's defaults"
NUMPY_ERRORS: Final = "numpy's handling of errors"
SET_BY_IMPORTS: Final = (ENVIRONMENT, TORCH, NUMPY_ERRORS)
"""What a module sets once, for all that comes after its import."""


@dataclass(frozen=True, kw_only=True)
class Restored:
    """What a trial had changed."""

    changed: tuple[str, ...]
    """Put back."""
    kept: tuple[str, ...] = ()
    lost: str | None = None
    """What cannot be put back: the process is of no use to another trial."""

    @property
    def line(self) -> str | None:
        """For the attempt's output; None when there is nothing to say."""
        said = []
        if self.changed:
            said.append(f"{', '.join(self.changed)}; put back for the next")
        if self.kept:
            said.append(f"{', '.join(self.kept)}; kept, for it imported modules, which set such things only once")
        return f"corebound: this trial changed {', and '.join(said)}\n" if said else None


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """One look at this process; to be taken and put back in its main thread."""

    folder: str
    environment: Mapping[str, str]
    umask: int
    cores: frozenset[int]
    recursion_limit: int
    handlers: Mapping[int, Any]
    streams: Mapping[str, Any]
    outputs: tuple[tuple[int, int], ...]
    torch: tuple[Any, ...]
    numpy_errors: Mapping[str, Any]

    @classmethod
    def now(cls) -> Self:
        """As they are."""
        return cls(
            folder=_folder(),
            environment=dict(os.environ),
            umask=_umask(),
            cores=frozenset(os.sched_getaffinity(0)),
            recursion_limit=sys.getrecursionlimit(),
            handlers=_handlers(),
            streams={name: getattr(sys, name) for name in STREAMS},
            outputs=_outputs(),
            torch=_torch(),
            numpy_errors=_numpy_errors(),
        )

    def restore(self, *, imported: bool = False) -> Restored:
        """Put back what is different now, but for what a module may have set that was ``imported`` meanwhile."""
        found = type(self).now()
        may_stay = SET_BY_IMPORTS if imported else ()
        lost: list[str] = []
        parts: list[tuple[str, object, object, Callable[[], object]]] = [
            ("the working directory", self.folder, found.folder, lambda: os.chdir(self.folder)),
            (ENVIRONMENT, self.environment, found.environment, self._restore_environment),
            ("the umask", (self.umask,), (found.umask,), lambda: os.umask(self.umask)),
            ("the cores it may use", self.cores, found.cores, lambda: os.sched_setaffinity(0, self.cores)),
            ("the recursion limit", self.recursion_limit, found.recursion_limit,
             lambda: sys.setrecursionlimit(self.recursion_limit)),
            ("signal handlers", self.handlers, found.handlers, self._restore_handlers),
            ("sys.stdin, stdout or stderr", self.streams, found.streams, self._restore_streams),
            (TORCH, self.torch, found.torch, self._restore_torch),
            (NUMPY_ERRORS, self.numpy_errors, found.numpy_errors, self._restore_numpy),
        ]  # fmt: skip
        different = [part for part in parts if part[1] != part[2] and part[1]]
        changed = [part for part in different if part[0] not in may_stay]
        for name, _, _, put_back in changed:
            try:
                put_back()
            except (OSError, ValueError) as error:
                lost.append(f"{name} ({error})")
        if found.outputs != self.outputs or any(map(_is_closed, self.streams.values())):
            lost.append("the process's standard output")
        return Restored(
            changed=tuple(name for name, *_ in changed),
            kept=tuple(name for name, *_ in different if name in may_stay),
            lost=", ".join(lost) or None,
        )

    def _restore_environment(self) -> None:
        for name in set(os.environ) - set(self.environment):
            del os.environ[name]
        os.environ.update(self.environment)

    def _restore_handlers(self) -> None:
        for number, handler in self.handlers.items():
            if signal.getsignal(number) is not handler:
                signal.signal(number, handler)

    def _restore_streams(self) -> None:
        for name, stream in self.streams.items():
            setattr(sys, name, stream)

    def _restore_torch(self) -> None:
        torch: Any = sys.modules["torch"]
        default_type, gradients, deterministic = self.torch
        torch.set_default_dtype(default_type)
        torch.set_grad_enabled(gradients)
        torch.use_deterministic_algorithms(deterministic)

    def _restore_numpy(self) -> None:
        numpy: Any = sys.modules["numpy"]
        numpy.seterr(**self.numpy_errors)


def _is_closed(stream: object) -> bool:
    """A user's own stream, which writes into two places, may say nothing about it."""
    return bool(getattr(stream, "closed", False))


def _folder() -> str:
    try:
        return str(os.getcwd())  # noqa: PTH109 - a folder that was deleted has a path no more
    except OSError:
        return ""


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _handlers() -> dict[int, Any]:
    """Those that Python can set again: a library's own, written in C, is None."""
    known = {int(number): signal.getsignal(number) for number in signal.valid_signals()}
    return {number: handler for number, handler in known.items() if handler is not None}


def _outputs() -> tuple[tuple[int, int], ...]:
    """Which files the descriptors 1 and 2 are."""
    found = []
    for descriptor in (1, 2):
        with contextlib.suppress(OSError):
            status = os.fstat(descriptor)
            found.append((status.st_dev, status.st_ino))
    return tuple(found)


def _torch() -> tuple[Any, ...]:
    torch: Any = sys.modules.get("torch")
    if torch is None or not hasattr(torch, "are_deterministic_algorithms_enabled"):
        return ()
    return torch.get_default_dtype(), torch.is_grad_enabled(), torch.are_deterministic_algorithms_enabled()


def _numpy_errors() -> dict[str, Any]:
    numpy: Any = sys.modules.get("numpy")
    return dict(numpy.geterr()) if numpy is not None and hasattr(numpy, "geterr") else {}
