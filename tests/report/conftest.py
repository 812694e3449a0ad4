"""One browser for all pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .browser import Browser

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with Browser() as opened:
        yield opened
