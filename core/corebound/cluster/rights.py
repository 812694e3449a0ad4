"""What is asked of an API server with the user's own rights: where one is missing, the error names it.

What could go wrong: the server refuses for another reason (a login that has run out, a quota, Pod Security); its own words
say that best, and stay as they are.
"""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, Final

from corebound.api.errors import ClusterRefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator

NO_RIGHT: Final = re.compile(r"\bcannot \w+ resource\b")
"""In the words of every API server: ``User "..." cannot create resource "pods" in API group ...``."""


@contextlib.contextmanager
def needing(verb: str, what: str, *, namespace: str) -> Iterator[None]:
    """Around a request that needs the right to ``verb`` ``what``."""
    try:
        yield
    except ClusterRefusedError as error:
        if error.status != 403 or not NO_RIGHT.search(error.said):
            raise
        raise ClusterRefusedError(
            f"you lack the right to {verb} {what} in namespace {namespace}: {error.said}; ask an administrator of the "
            "cluster for that verb",
            status=error.status,
            reason=error.reason,
            said=error.said,
        ) from error
