"""Whether the kernel has killed a process of this worker for memory.

Only a container's own control group counts just this worker's; elsewhere nothing is said. What could go wrong: memory that
grows faster than the worker looks ends the child with a bare SIGKILL, and nobody else knows why.
"""

from __future__ import annotations

from corebound.local.cgroups import kernel_kills


class KernelKills:
    """Counted from its making on."""

    def __init__(self, *, own_group: bool) -> None:
        self._own_group = own_group
        self._seen = kernel_kills() if own_group else 0

    def happened(self) -> bool:
        """Whether there was one since the last call."""
        if not self._own_group:
            return False
        before, self._seen = self._seen, kernel_kills()
        return self._seen > before
