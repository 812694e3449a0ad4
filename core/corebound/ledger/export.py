"""A campaign's study as an SQLite file of Optuna's own form, for whoever has no PostgreSQL at hand.

Tables are copied row by row in one reading transaction (Optuna's own copying writes trial after trial: 40 ms each, measured).
What could go wrong: a trial that still runs (nobody would ever finish it in the copy, so it is written as failed and
counted), a file that exists or cannot be written, an interruption (the file gets its name when it is complete).
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import optuna
import sqlalchemy
from optuna.storages._rdb import models
from sqlalchemy import text

from corebound.api.errors import StorageError, UsageError
from corebound.ledger.connection import storage_errors

if TYPE_CHECKING:
    from pathlib import Path

    from corebound.api.records import CampaignRecord

ROWS_AT_ONCE: Final = 5000
_OF_STUDY: Final = ("studies", "study_directions", "study_user_attributes", "study_system_attributes", "trials")
_OF_TRIAL: Final = (
    "trial_params",
    "trial_values",
    "trial_intermediate_values",
    "trial_user_attributes",
    "trial_system_attributes",
)


@dataclass(frozen=True, kw_only=True)
class Export:
    """What was written."""

    trials: int
    unfinished: int
    """Of these, trials that were running and are failed in the copy."""


def export_study(engine: sqlalchemy.Engine, campaign: CampaignRecord, path: Path) -> Export:
    """Write the study to the new file ``path``. Raises :class:`UsageError` or :class:`StorageError`."""
    if path.exists():
        raise UsageError(f"{path} exists already; choose a new file")
    making = path.with_name(f"{path.name}.making-{os.getpid()}")
    try:
        making.touch(exist_ok=False)
        written = _write(engine, campaign, making)
        # A link, unlike a renaming, never takes the place of a file that has appeared meanwhile.
        path.hardlink_to(making)
    except FileExistsError as error:
        raise UsageError(f"{path} exists already; choose a new file") from error
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}; choose another folder") from error
    finally:
        with contextlib.suppress(OSError):
            making.unlink()
    return written


def _write(engine: sqlalchemy.Engine, campaign: CampaignRecord, path: Path) -> Export:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = optuna.storages.RDBStorage(f"sqlite:///{path}")
    try:
        with (
            storage_errors(engine),
            engine.connect().execution_options(isolation_level="REPEATABLE READ", stream_results=True) as source,
        ):
            try:
                with storage.engine.begin() as target:
                    return _copy(source, target, campaign.study_id)
            except sqlalchemy.exc.OperationalError as error:
                if error.connection_invalidated or "sqlite" not in type(error.orig).__module__:
                    raise
                raise StorageError(f"the file cannot be written: {error.orig}") from error
    finally:
        storage.remove_session()
        storage.engine.dispose()


def _copy(source: sqlalchemy.Connection, target: sqlalchemy.Connection, study_id: int) -> Export:
    tables = models.BaseModel.metadata.tables
    trials = tables["trials"]
    for name in _OF_STUDY:
        table = tables[name]
        _copy_rows(source, target, table, sqlalchemy.select(table).where(table.c.study_id == study_id))
    for name in _OF_TRIAL:
        table = tables[name]
        rows = sqlalchemy.select(table).join(trials, trials.c.trial_id == table.c.trial_id)
        _copy_rows(source, target, table, rows.where(trials.c.study_id == study_id))
    unfinished = target.execute(
        text("UPDATE trials SET state = 'FAIL', datetime_complete = datetime('now') WHERE state = 'RUNNING'")
    ).rowcount
    count: int = target.execute(text("SELECT count(*) FROM trials")).scalar_one()
    return Export(trials=count, unfinished=unfinished)


def _copy_rows(
    source: sqlalchemy.Connection,
    target: sqlalchemy.Connection,
    table: sqlalchemy.Table,
    rows: sqlalchemy.Select[tuple[object]],
) -> None:
    for piece in source.execute(rows).mappings().partitions(ROWS_AT_ONCE):
        target.execute(table.insert(), [dict(row) for row in piece])
