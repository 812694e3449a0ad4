"""Campaigns: their study, their slots, who supervises them, and how they end. The statements are in :mod:`.campaign_sql`.

What could go wrong: two supervisors of one campaign (an advisory lock refuses the second), a crash between making the
study and the slots (it is one transaction), a name that is taken (the caller archives its own; another's is refused).
"""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any, Final, Literal

from corebound.api.errors import CampaignConflictError, UnknownCampaignError
from corebound.api.records import CampaignRecord, Phase
from corebound.ledger import campaign_sql
from corebound.ledger.connection import storage_errors
from corebound.ledger.deletion import delete_campaign
from corebound.ledger.finishing import finish_campaign
from corebound.ledger.plans import decided, kept
from corebound.ledger.supervision import SUPERVISED, Supervision

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from datetime import timedelta
    from uuid import UUID

    import sqlalchemy

    from corebound.api.plan import Plan
    from corebound.api.search import Objective, Search
    from corebound.api.spec import SearchCampaign
    from corebound.ledger.storage import CampaignStorage
    from corebound.ledger.warm_start import WarmStart

HEARTBEAT_SECONDS: Final = 10.0
LEASES_PER_HEARTBEAT: Final = 4.0


class Campaigns:
    """The door to campaigns."""

    def __init__(self, engine: sqlalchemy.Engine, storage: Callable[[], CampaignStorage]) -> None:
        self._engine = engine
        self._statements = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._storage = storage

    def create(
        self,
        *,
        name: str,
        specification: Mapping[str, Any],
        trials: int,
        directions: Sequence[Literal["minimize", "maximize"]],
        metric_names: Sequence[str],
        retries: int,
        retry_exceptions: bool,
        heartbeat_seconds: float = HEARTBEAT_SECONDS,
        warm_start: WarmStart | None = None,
        artifacts: str | None = None,
        folder: str | None = None,
        uid: UUID | None = None,
    ) -> CampaignRecord:
        """The campaign with its study, N open slots and the trials to learn from, all at once or not at all.

        ``artifacts`` is the absolute path or URL below which the campaign gets a folder of its own; in ``folder`` its own
        files are looked for. ``uid`` is that of its Kubernetes object; a campaign without one gets its own.
        """
        with storage_errors(self._engine), self._engine.begin() as connection:
            study_id = _add_study(connection, name, directions=directions, metric_names=metric_names)
            connection.execute(
                campaign_sql.ADD,
                {
                    "uid": uid,
                    "name": name,
                    "specification": json.dumps(specification),
                    "study": study_id,
                    "trials": trials,
                    "retries": retries,
                    "retry_exceptions": retry_exceptions,
                    "heartbeat": heartbeat_seconds,
                    "lease": heartbeat_seconds * LEASES_PER_HEARTBEAT,
                    "artifacts": None if artifacts is None else _artifacts_folder(connection, artifacts, name),
                    "folder": folder,
                },
            )
            [record] = _records(connection, campaign_sql.OF_NAME, {"name": name})
            _add_slots(connection, record, 0)
            if warm_start is not None:
                from corebound.ledger.warm_start import copy_trials

                copy_trials(connection, warm_start, study_id=study_id, study_name=name)
        return record

    def create_of(
        self,
        campaign: SearchCampaign,
        *,
        artifacts: str | None,
        heartbeat_seconds: float = HEARTBEAT_SECONDS,
        warm_start: WarmStart | None = None,
        folder: str | None = None,
        uid: UUID | None = None,
    ) -> CampaignRecord:
        """As :meth:`create`, with what the campaign itself says."""
        spec = campaign.spec
        return self.create(
            name=campaign.metadata.name,
            specification=campaign.to_mapping(),
            trials=spec.trials,
            directions=[objective.direction for objective in spec.objectives],
            metric_names=[objective.metric for objective in spec.objectives],
            retries=spec.failure_policy.retries,
            retry_exceptions=spec.failure_policy.retry_exceptions,
            heartbeat_seconds=heartbeat_seconds,
            warm_start=warm_start,
            artifacts=artifacts,
            folder=folder,
            uid=uid,
        )

    def warm_start(self, study: str, *, called: str, objectives: Sequence[Objective], search: Search) -> WarmStart:
        """What there is to learn from ``study``, ``called`` so from now on. Raises :class:`WarmStartError`."""
        from corebound.ledger.warm_start import read_warm_start

        with (
            contextlib.closing(self._storage()) as storage,
            storage_errors(self._engine),
            self._engine.begin() as connection,
        ):
            return read_warm_start(
                connection, storage, study=study, called=called, objectives=objectives, search=search
            )

    def find(self, name: str) -> CampaignRecord | None:
        """The campaign of that name, if any."""
        with storage_errors(self._engine), self._statements.connect() as connection:
            rows = _records(connection, campaign_sql.OF_NAME, {"name": name})
            return rows[0] if rows else None

    def find_uid(self, uid: UUID) -> CampaignRecord | None:
        """The campaign of that Kubernetes object, whatever it is called by now."""
        with storage_errors(self._engine), self._statements.connect() as connection:
            rows = _records(connection, campaign_sql.OF_UID, {"uid": uid})
            return rows[0] if rows else None

    def get(self, name: str) -> CampaignRecord:
        """The campaign of that name. Raises :class:`UnknownCampaignError` with the names there are."""
        found = self.find(name)
        if found is None:
            names = ", ".join(record.name for record in self.all()) or "none"
            raise UnknownCampaignError(f"no campaign {name!r} in this ledger; there are: {names}")
        return found

    def all(self) -> list[CampaignRecord]:
        """All campaigns, oldest first."""
        with storage_errors(self._engine), self._statements.connect() as connection:
            return _records(connection, campaign_sql.ALL, {})

    def archive_name(self, name: str) -> str:
        """The name under which :meth:`archive` would keep the campaign now."""
        with storage_errors(self._engine), self._engine.begin() as connection:
            return _archive_name(connection, name)

    def archive(self, name: str) -> str:
        """Rename the campaign and its study to ``NAME@1`` (2, 3 ...); returns the new name."""
        with storage_errors(self._engine), self._engine.begin() as connection:
            kept = _archive_name(connection, name)
            for statement in (campaign_sql.RENAME_STUDY, campaign_sql.RENAME):
                connection.execute(statement, {"kept": kept, "name": name})
        return kept

    def update(
        self, campaign_id: int, *, specification: Mapping[str, Any], trials: int, folder: str | None = None
    ) -> None:
        """Take over a changed specification; more trials add open slots and set a finished campaign going again."""
        with storage_errors(self._engine), self._engine.begin() as connection:
            of_id = {"campaign": campaign_id}
            [before] = _records(connection, campaign_sql.OF_ID, of_id)
            connection.execute(
                campaign_sql.CHANGE,
                {
                    "campaign": campaign_id,
                    "specification": json.dumps(specification),
                    "trials": trials,
                    "folder": folder,
                },
            )
            [record] = _records(connection, campaign_sql.OF_ID, of_id)
            _add_slots(connection, record, before.trials)

    def begin(
        self, campaign_id: int, *, threads: int, workers: int, cores: float | None = None, plan: Plan | None = None
    ) -> None:
        """The campaign runs (again) so, on so many cores; every lease of earlier workers has ended.

        ``plan`` is kept for reports. A run that ended without a word was active until its workers were last seen.
        """
        with storage_errors(self._engine), self._engine.begin() as connection:
            values = {"threads": threads, "workers": workers, "cores": cores, "plan": kept(plan)}
            connection.execute(campaign_sql.BEGIN, {"campaign": campaign_id, **values})
            _take_slots_back(connection, campaign_id)

    def keep_plan(self, campaign_id: int, plan: Plan) -> None:
        """A campaign that runs goes on by another plan: kept for reports as its newest one."""
        with storage_errors(self._engine), self._engine.begin() as connection:
            connection.execute(campaign_sql.KEEP_PLAN, {"campaign": campaign_id, "plan": kept(plan)})

    def count_time(self, campaign_id: int, *, counts: bool) -> None:
        """Whether a campaign that runs is active from now on: time in a queue does not count."""
        with storage_errors(self._engine), self._engine.begin() as connection:
            connection.execute(campaign_sql.COUNT_TIME, {"campaign": campaign_id, "counts": counts})

    def take_slots_back(self, campaign_id: int) -> None:
        """Every worker is gone: what ran is open again, not counted as lost."""
        with storage_errors(self._engine), self._engine.begin() as connection:
            _take_slots_back(connection, campaign_id)

    def request_stop(self, campaign_id: int, reason: str) -> None:
        """Running trials are to be stopped for good; the first reason is kept."""
        with storage_errors(self._engine), self._engine.begin() as connection:
            connection.execute(campaign_sql.REQUEST_STOP, {"campaign": campaign_id, "reason": reason})

    def finish(self, campaign_id: int, phase: Phase, *, reason: str, message: str) -> None:
        """Set the phase; a final one skips every slot that is still open or running."""
        with storage_errors(self._engine), self._engine.begin() as connection:
            finish_campaign(connection, campaign_id, phase, reason=reason, message=message)

    def close_out(self, campaign_id: int, *, reason: str, message: str) -> bool:
        """Nobody wants it any more: whatever still runs is told FAIL and fenced, what is open skipped, for good.

        A campaign that has ended already stays as it is (False), and so does one that is gone.
        """
        with storage_errors(self._engine), self._engine.begin() as connection:
            phase = connection.execute(campaign_sql.LOCKED_PHASE, {"campaign": campaign_id}).scalar()
            if phase is None or Phase(phase).is_final:
                return False
            finish_campaign(connection, campaign_id, Phase.FAILED, reason=reason, message=message)
            return True

    def delete(self, campaign_id: int) -> None:
        """Remove the campaign with its study, slots, trials and checkpoints; what a worker of it still writes is refused.

        Its files below ``artifacts`` stay: the ledger has only their address. A campaign that is gone is no error.
        """
        with storage_errors(self._engine), self._engine.begin() as connection:
            delete_campaign(connection, campaign_id)

    def retire(self, older_than: timedelta, *, keep: Collection[UUID]) -> list[CampaignRecord]:
        """Remove the campaigns that ended longer ago than that; returns what was removed.

        ``keep`` has the UIDs of all objects that still exist: a campaign removed under its object would begin anew.
        """
        with storage_errors(self._engine), self._engine.begin() as connection:
            old = _records(connection, campaign_sql.ENDED_LONG_AGO, {"age": older_than, "keep": list(keep)})
        for record in old:
            self.delete(record.campaign_id)
        return old

    def attended(self, campaign: CampaignRecord) -> bool:
        """Whether anybody runs it now: a supervisor, or a worker seen within a lease."""
        with storage_errors(self._engine), self._engine.begin() as connection:
            return bool(
                connection.execute(
                    campaign_sql.ATTENDED,
                    {
                        "kind": SUPERVISED,
                        "name": campaign.name,
                        "campaign": campaign.campaign_id,
                        "lease": campaign.lease_seconds,
                    },
                ).scalar()
            )

    @contextlib.contextmanager
    def supervise(self, name: str) -> Iterator[Supervision]:
        """Be the only supervisor of that campaign. Raises :class:`CampaignConflictError` when another one is at it."""
        supervision = Supervision(self._engine, name)
        try:
            supervision.hold()
            yield supervision
        finally:
            supervision.end()


def _archive_name(connection: sqlalchemy.Connection, name: str) -> str:
    taken = set(connection.execute(campaign_sql.STUDY_NAMES).scalars())
    return next(f"{name}@{index}" for index in range(1, 10**6) if f"{name}@{index}" not in taken)


def _take_slots_back(connection: sqlalchemy.Connection, campaign_id: int) -> None:
    """Only the holder of ``supervise`` does this: earlier workers are gone, or fenced when they wake."""
    for statement in campaign_sql.TAKE_SLOTS_BACK:
        connection.execute(statement, {"campaign": campaign_id})


def _artifacts_folder(connection: sqlalchemy.Connection, below: str, name: str) -> str:
    """A folder that no campaign of this ledger has: an archived one's files stay where its results say they are."""
    taken = set(connection.execute(campaign_sql.ARTIFACTS).scalars())
    below = below.rstrip("/")
    folders = (f"{below}/{name}" if index == 1 else f"{below}/{name}@{index}" for index in range(1, 10**6))
    return next(folder for folder in folders if folder not in taken)


def _add_study(
    connection: sqlalchemy.Connection, name: str, *, directions: Sequence[str], metric_names: Sequence[str]
) -> int:
    """The campaign's study, as Optuna makes it. One of that name which is there already is somebody else's."""
    made: int | None = connection.execute(campaign_sql.ADD_STUDY, {"name": name}).scalar()
    if made is None:
        trials = connection.execute(campaign_sql.TRIALS_OF_STUDY, {"name": name}).scalar()
        raise CampaignConflictError(
            f"the database holds a study {name!r} with {trials} trials that was not made by a campaign; it stays as it is. "
            f"Give the campaign another metadata.name; to learn from that study write search.warmStart: {{study: {name}}}"
        )
    for objective, direction in enumerate(directions):
        values = {"study": made, "objective": objective, "direction": direction.upper()}
        connection.execute(campaign_sql.ADD_DIRECTION, values)
    names = {"study": made, "key": campaign_sql.METRIC_NAMES_ATTRIBUTE, "value": json.dumps(list(metric_names))}
    connection.execute(campaign_sql.SET_STUDY_ATTRIBUTE, names)
    return made


def _add_slots(connection: sqlalchemy.Connection, record: CampaignRecord, first: int) -> None:
    values = {"campaign": record.campaign_id, "first": first, "trials": record.trials}
    connection.execute(campaign_sql.ADD_SLOTS, values)


def _records(
    connection: sqlalchemy.Connection, statement: sqlalchemy.TextClause, values: Mapping[str, Any]
) -> list[CampaignRecord]:
    rows = connection.execute(statement, values).mappings()
    return [CampaignRecord(**{**row, "phase": Phase(row["phase"]), "plans": decided(row["plans"])}) for row in rows]
