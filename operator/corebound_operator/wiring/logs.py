"""Log lines as JSON or text, one object a line, each with the campaign it speaks of.

What could go wrong: a secret in a line. Messages are constants, figures stand beside them, and neither specifications nor
objects are ever logged; kopf's own lines, which hold whole objects at DEBUG, begin at WARNING.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Final, Literal

SHOWN: Final = ("namespace", "campaign", "note", "error", "campaigns")


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
            **{name: getattr(record, name) for name in SHOWN if hasattr(record, name)},
        }
        if record.exc_info:
            line["stack"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC).strftime("%H:%M:%S")
        about = " ".join(f"{name}={getattr(record, name)}" for name in SHOWN if hasattr(record, name))
        line = f"{time} {record.levelname.lower():7} {record.getMessage()} {about}".rstrip()
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def configure_logs(form: Literal["json", "text"]) -> None:
    """All lines of this process on stderr, in that form."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if form == "json" else _Text())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for noisy in ("kopf", "asyncio", "aiohttp", "urllib3", "optuna", "alembic", "kubernetes"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
