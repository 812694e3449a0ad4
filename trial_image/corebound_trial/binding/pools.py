"""The thread pools of the maths libraries in this process: reading them, and setting them to the contract.

Only libraries that the objective has already loaded are asked; nothing is imported for the asking. What could go wrong:
``torch.get_num_threads`` and OpenMP's count belong to the *calling* thread, so :func:`read_pools` must run in the
thread that runs the objective (:mod:`.watch` sees to that). threadpoolctl sees neither torch's inter-op pool nor an MKL
that is linked statically; torch itself is asked for those.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.abc
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

TORCH: Final = "torch"
TORCH_INTEROP: Final = "torch inter-op"


@dataclass(frozen=True, kw_only=True, order=True)
class PoolReport:
    """What one library's pool is set to at this moment."""

    library: str
    threads: int


class PoolReader:
    """Reads the pools of this process again and again at little cost.

    Looking for loaded OpenMP and BLAS libraries takes milliseconds once there are hundreds of them, asking a known one
    takes microseconds. So libraries are searched for again only after Python has imported something new.
    """

    def __init__(self) -> None:
        self._modules_seen = -1
        self._controllers: list[Any] = []

    def read(self) -> tuple[PoolReport, ...]:
        """One report per library and value, the calling thread's view."""
        found = {*_torch_pools(), *_numexpr_pools(), *_numba_pools(), *self._native_pools()}
        return tuple(sorted(found))

    def _native_pools(self) -> list[PoolReport]:
        modules = len(sys.modules)
        if modules != self._modules_seen:
            import threadpoolctl

            self._controllers = list(threadpoolctl.ThreadpoolController().lib_controllers)
            self._modules_seen = len(sys.modules)
        return [
            PoolReport(library=controller.internal_api, threads=controller.num_threads)
            for controller in self._controllers
            if controller.num_threads is not None
        ]


def read_pools() -> tuple[PoolReport, ...]:
    """The pools of this process as the calling thread sees them; for a single look (see :class:`PoolReader`)."""
    return PoolReader().read()


def limit_pools(threads: int, *, on_torch: Callable[[Any], None] = lambda _: None) -> None:
    """Set every pool that is loaded now to ``threads`` (torch's inter-op pool to 1), and torch's when it is imported.

    Call it once, in the main thread, before the objective is imported. The environment has given most libraries their
    number already; this holds where it could not: torch imported before, a value that an import changed, and torch's
    inter-op pool, which no variable sets. ``on_torch`` is called with torch right after its import, if that is still to come.
    """
    import threadpoolctl

    threadpoolctl.threadpool_limits(limits=threads)
    torch = sys.modules.get("torch")
    if torch is not None:
        _limit_torch(torch, threads=threads)
    else:
        sys.meta_path.insert(0, _TorchLimiter(threads, on_torch))


class _TorchLimiter(importlib.abc.MetaPathFinder):
    """Finds torch as everybody else does, and sets its pools right after its import; then it is gone."""

    def __init__(self, threads: int, on_torch: Callable[[Any], None]) -> None:
        self._threads = threads
        self._on_torch = on_torch

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != "torch":
            return None
        others = (finder for finder in list(sys.meta_path) if finder is not self)
        spec = next(filter(None, (finder.find_spec(fullname, path, target) for finder in others)), None)
        loader: Any = spec.loader if spec is not None else None
        if loader is not None and hasattr(loader, "__dict__"):
            self._limit_after(loader)
        return spec

    def _limit_after(self, loader: Any) -> None:
        """Shadow this one loader's ``exec_module`` for the length of the import; the class stays as it is."""
        load = loader.exec_module

        def exec_module(module: ModuleType) -> None:
            del loader.exec_module
            load(module)
            with contextlib.suppress(ValueError):
                sys.meta_path.remove(self)
            _limit_torch(module, threads=self._threads)
            self._on_torch(module)

        loader.exec_module = exec_module


def _limit_torch(torch: Any, *, threads: int) -> None:
    torch.set_num_threads(threads)
    # RuntimeError: somebody has set it before or the pool runs already; the reading shows its true size.
    with contextlib.suppress(RuntimeError):
        torch.set_num_interop_threads(1)
    torch.set_num_interop_threads = _tolerant(torch.set_num_interop_threads)


def _tolerant(set_num_interop_threads: Any) -> Any:
    """torch allows one call only; a training script that makes its own must not fail because ours was first."""

    @functools.wraps(set_num_interop_threads)
    def keep_one(threads: int) -> None:
        with contextlib.suppress(RuntimeError):
            set_num_interop_threads(threads)

    return keep_one


def _torch_pools() -> list[PoolReport]:
    torch = _imported("torch")
    if torch is None or not hasattr(torch, "get_num_interop_threads"):
        return []
    return [
        PoolReport(library=TORCH, threads=torch.get_num_threads()),
        PoolReport(library=TORCH_INTEROP, threads=torch.get_num_interop_threads()),
    ]


def _numexpr_pools() -> list[PoolReport]:
    threads = getattr(_imported("numexpr"), "nthreads", None)
    return [PoolReport(library="numexpr", threads=threads)] if isinstance(threads, int) else []


def _numba_pools() -> list[PoolReport]:
    # numba.get_num_threads() would start the pool that is only to be looked at.
    threads = getattr(getattr(_imported("numba"), "config", None), "NUMBA_NUM_THREADS", None)
    return [PoolReport(library="numba", threads=threads)] if isinstance(threads, int) else []


def _imported(name: str) -> Any:
    """The module, once its import is complete: half of one must not be called."""
    module = sys.modules.get(name)
    if module is None or getattr(getattr(module, "__spec__", None), "_initializing", False):
        return None
    return module
