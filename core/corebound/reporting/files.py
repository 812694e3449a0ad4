"""Files for users: written whole or not at all, in the place of an earlier one of their own but never of anything else.

What could go wrong: another file of that name (refused, with the way to another name), a folder that cannot be written.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from corebound.api.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


def takes_place(path: Path, *, is_earlier: Callable[[Path], bool], called: str) -> bool:
    """Whether there is an earlier file to be replaced. Raises :class:`UsageError` where another one is in the way.

    Args:
        path: the file that is to be written.
        is_earlier: whether a file is an earlier one of its own; it may raise OSError.
        called: what is written, behind "is no": ``report of Corebound``.
    """
    try:
        if not path.exists():
            return False
        if path.is_file() and is_earlier(path):
            return True
    except OSError as error:
        raise _not_written(path, error) from error
    raise UsageError(f"{path} exists already and is no {called}; choose another place with -o FILE")


@contextlib.contextmanager
def in_place_of(path: Path) -> Iterator[Path]:
    """A file beside ``path`` to write to, which is ``path`` once the block has ended well. Raises :class:`UsageError`."""
    making = path.with_name(f"{path.name}.making-{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield making
        making.replace(path)
    except OSError as error:
        raise _not_written(path, error) from error
    finally:
        with contextlib.suppress(OSError):
            making.unlink()


def written_over(path: Path, text: str, *, is_earlier: Callable[[Path], bool], called: str) -> bool:
    """Write the file; True where it took the place of an earlier one. Raises :class:`UsageError`."""
    replaced = takes_place(path, is_earlier=is_earlier, called=called)
    with in_place_of(path) as making:
        making.write_text(text, encoding="utf-8")
    return replaced


def _not_written(path: Path, error: OSError) -> UsageError:
    return UsageError(f"{path} cannot be written: {error.strerror}; choose another place with -o FILE")
