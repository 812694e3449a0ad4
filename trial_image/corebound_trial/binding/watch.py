"""A thread in the objective's process that has the *main* thread look at its library pools once a second.

torch and OpenMP keep the count per thread, so only the thread that runs the objective can read it. A signal would make
it, but signals cut system calls short in libraries that do not expect it. CPython's queue of pending calls has no such
effect: the interpreter runs an entry between two bytecodes of the main thread.

What could go wrong: a C call that keeps the main thread for minutes delays the look until it returns (the entry waits,
only one is ever queued). And whatever runs in the main thread runs Python signal handlers there as well: an exception
raised by one (Ctrl-C) must reach the objective. So the queued C function is ``PyObject_IsTrue`` itself: it calls our
``__bool__``, hands an exception on to the main thread, and no ctypes callback stands in between that would swallow it.

Source: CPython's ``Py_AddPendingCall``, whose function returns 0 for success; the same in 3.11 - 3.14.
"""

from __future__ import annotations

import ctypes
import threading
from typing import TYPE_CHECKING, Final

from corebound_trial.binding.breach import Breach, pool_breach
from corebound_trial.binding.pools import PoolReader

if TYPE_CHECKING:
    from collections.abc import Callable

    from corebound_trial.binding.pools import PoolReport

_ADD_PENDING_CALL: Final = ctypes.pythonapi.Py_AddPendingCall
_ADD_PENDING_CALL.argtypes = [ctypes.c_void_p, ctypes.py_object]
_ADD_PENDING_CALL.restype = ctypes.c_int
_IS_TRUE: Final = ctypes.cast(ctypes.pythonapi.PyObject_IsTrue, ctypes.c_void_p)


class _Look:
    """Its truth value is asked by the main thread; it is always false, the C convention for success."""

    def __init__(self) -> None:
        self._reader = PoolReader()
        self.pools: tuple[PoolReport, ...] = ()
        self.failure: Exception | None = None
        self.done = threading.Event()
        self.done.set()

    def __bool__(self) -> bool:
        try:
            self.pools = self._reader.read()
        except Exception as failure:  # noqa: BLE001 - a library that cannot be asked must not end the objective
            self.failure = failure
        finally:
            self.done.set()
        return False


_kept_alive: list[_Look] = []
"""The interpreter's queue holds a bare pointer; the object must outlive it whatever becomes of the watch."""


class PoolWatch:
    """Looks every ``interval`` seconds and calls ``on_breach`` (in its own thread, once per different breach).

    ``pools`` is the last look. Start it in the objective's process after :func:`.pools.limit_pools`.
    """

    def __init__(self, *, threads: int, on_breach: Callable[[Breach], None], interval: float = 1.0) -> None:
        self._threads = threads
        self._on_breach = on_breach
        self._interval = interval
        self._look = _Look()
        _kept_alive.append(self._look)
        self._told: Breach | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="corebound-watch", daemon=True)

    @property
    def pools(self) -> tuple[PoolReport, ...]:
        """What the main thread saw last; empty before the first look."""
        return self._look.pools

    @property
    def failure(self) -> Exception | None:
        """Why the last failing look failed, None if none did."""
        return self._look.failure

    def start(self) -> None:
        """Begin; call it in the main thread, where the reader's own imports then happen."""
        self._look.pools = PoolReader().read()
        self._thread.start()

    def stop(self) -> None:
        """End; returns when the thread has ended."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(self._interval):
            self._ask()
            if self._look.done.wait(self._interval):
                self._judge()

    def _ask(self) -> None:
        """Queue one look, unless one still waits; a full queue (-1) is tried again a second later."""
        if not self._look.done.is_set():
            return
        self._look.done.clear()
        if _ADD_PENDING_CALL(_IS_TRUE, self._look) != 0:
            self._look.done.set()

    def _judge(self) -> None:
        breach = pool_breach(self._look.pools, threads=self._threads)
        if breach is not None and breach != self._told:
            self._told = breach
            self._on_breach(breach)
