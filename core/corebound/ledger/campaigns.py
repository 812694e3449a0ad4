"""Campaigns: their study, their slots, who supervises them, and how they end.

What could go wrong: two supervisors of one campaign (an advisory lock refuses the second), a crash between making the
study and the slots (it is one transaction), a name that is taken (the caller archives its own; another's is refused).
"""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any, Final, Literal

from sqlalchemy import text

from corebound.api.errors import CampaignConflictError, UnknownCampaignError
from corebound.api.records import CampaignRecord, Phase
from corebound.ledger.connection import storage_errors
from corebound.ledger.deletion import delete_campaign
from corebound.ledger.supervision import SUPERVISED, Supervision

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from datetime import timedelta
    from uuid import UUID

    import sqlalchemy

    from corebound.api.search import Objective, Search
    from corebound.ledger.storage import CampaignStorage
    from corebound.ledger.warm_start import WarmStart

HEARTBEAT_SECONDS: Final = 10.0
LEASES_PER_HEARTBEAT: Final = 4.0
_METRIC_NAMES: Final = "study:metric_names"
"""Where Optuna keeps the names of a study's objectives."""
_ATTENDED: Final = text("""
    SELECT EXISTS (
        SELECT 1 FROM pg_locks JOIN pg_database d ON d.oid = database AND d.datname = current_database()
        WHERE locktype = 'advisory' AND granted AND classid = cast(:kind AS bigint)
          AND objid = (cast(hashtext(current_schema() || '/' || :name) AS bigint) & 4294967295)
    ) OR EXISTS (
        SELECT 1 FROM corebound_workers
        WHERE campaign_id = :campaign AND ended_at IS NULL AND seen_at > clock_timestamp() - make_interval(secs => :lease)
    )
""")
_TAKE_LEASES: Final = """
    UPDATE corebound_slots s SET cpu_seconds = s.cpu_seconds + l.cpu_seconds FROM corebound_leases l
    WHERE s.campaign_id = :campaign AND l.campaign_id = s.campaign_id AND l.slot = s.slot
"""
_DROP_LEASES: Final = "DELETE FROM corebound_leases WHERE campaign_id = :campaign"
# A trial that was told before its worker was gone has its result, whatever ends the campaign.
_CLOSE_TOLD: Final = """
    UPDATE corebound_slots s SET attempt = attempt + 1, finished_at = clock_timestamp(),
        state = CASE t.state WHEN 'COMPLETE' THEN 'succeeded' WHEN 'PRUNED' THEN 'pruned' ELSE 'failed' END,
        error = CASE t.state WHEN 'FAIL' THEN 'the trial was told before its worker was lost' END
    FROM trials t WHERE s.campaign_id = :campaign AND s.state IN ('open', 'running')
      AND t.trial_id = s.trial_id AND t.state IN ('COMPLETE', 'PRUNED', 'FAIL')
"""
_SKIP_WHAT_IS_LEFT: Final = (
    """
    UPDATE corebound_slots SET state = 'skipped', error = :message, attempt = attempt + 1, finished_at = clock_timestamp()
    WHERE campaign_id = :campaign AND state IN ('open', 'running')
    """,
    """
    DELETE FROM corebound_checkpoints k USING corebound_slots s WHERE k.campaign_id = :campaign
      AND s.campaign_id = k.campaign_id AND s.slot = k.slot AND s.state NOT IN ('open', 'running')
    """,
)


class Campaigns:
    """The door to campaigns."""

    def __init__(self, engine: sqlalchemy.Engine, storage: Callable[[], CampaignStorage]) -> None:
        self._engine = engine
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
        uid: UUID | None = None,
    ) -> CampaignRecord:
        """The campaign with its study, N open slots and the trials to learn from, all at once or not at all.

        ``artifacts`` is the absolute path or URL below which the campaign gets a folder of its own. ``uid`` is that of its
        Kubernetes object; a campaign without one gets its own.
        """
        with storage_errors(self._engine), self._engine.begin() as connection:
            study_id = _add_study(connection, name, directions=directions, metric_names=metric_names)
            connection.execute(
                text("""
                    INSERT INTO corebound_campaigns (uid, name, specification, study_name, study_id, trials, retries,
                        retry_exceptions, heartbeat_seconds, lease_seconds, artifacts)
                    VALUES (coalesce(cast(:uid AS uuid), gen_random_uuid()), :name, cast(:specification AS jsonb), :name,
                        :study, :trials, :retries, :retry_exceptions, :heartbeat, :lease, :artifacts)
                """),
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
                },
            )
            record = _read(connection, name=name)
            _add_slots(connection, record, 0)
            if warm_start is not None:
                from corebound.ledger.warm_start import copy_trials

                copy_trials(connection, warm_start, study_id=study_id, study_name=name)
        return record

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
        with storage_errors(self._engine), self._engine.begin() as connection:
            rows = _records(connection, "WHERE name = :name", {"name": name})
            return rows[0] if rows else None

    def find_uid(self, uid: UUID) -> CampaignRecord | None:
        """The campaign of that Kubernetes object, whatever it is called by now."""
        with storage_errors(self._engine), self._engine.begin() as connection:
            rows = _records(connection, "WHERE uid = :uid", {"uid": uid})
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
        with storage_errors(self._engine), self._engine.begin() as connection:
            return _records(connection, "ORDER BY campaign_id", {})

    def archive_name(self, name: str) -> str:
        """The name under which :meth:`archive` would keep the campaign now."""
        with storage_errors(self._engine), self._engine.begin() as connection:
            return _archive_name(connection, name)

    def archive(self, name: str) -> str:
        """Rename the campaign and its study to ``NAME@1`` (2, 3 ...); returns the new name."""
        with storage_errors(self._engine), self._engine.begin() as connection:
            kept = _archive_name(connection, name)
            connection.execute(
                text("UPDATE studies SET study_name = :kept WHERE study_name = :name"), {"kept": kept, "name": name}
            )
            connection.execute(
                text("UPDATE corebound_campaigns SET name = :kept, study_name = :kept WHERE name = :name"),
                {"kept": kept, "name": name},
            )
        return kept

    def update(self, campaign_id: int, *, specification: Mapping[str, Any], trials: int) -> None:
        """Take over a changed specification; more trials add open slots and set a finished campaign going again."""
        with storage_errors(self._engine), self._engine.begin() as connection:
            before = _read(connection, campaign_id=campaign_id)
            connection.execute(
                text("""
                    UPDATE corebound_campaigns SET specification = cast(:specification AS jsonb), trials = :trials
                    WHERE campaign_id = :campaign
                """),
                {"campaign": campaign_id, "specification": json.dumps(specification), "trials": trials},
            )
            _add_slots(connection, _read(connection, campaign_id=campaign_id), before.trials)

    def begin(self, campaign_id: int, *, threads: int, workers: int, cores: float | None = None) -> None:
        """The campaign runs (again) with this plan on so many cores; every lease of earlier workers has ended.

        A run that ended without a word was active until its workers were last seen.
        """
        with storage_errors(self._engine), self._engine.begin() as connection:
            connection.execute(
                text("""
                    UPDATE corebound_campaigns SET phase = 'Running', reason = NULL, message = NULL, stop_requested = NULL,
                        finished_at = NULL, threads = :threads, workers = :workers, cores = :cores,
                        started_at = coalesce(started_at, clock_timestamp()),
                        active_seconds = active_seconds + extract(epoch FROM greatest(interval '0', (
                            SELECT max(seen_at) FROM corebound_workers w WHERE w.campaign_id = :campaign
                        ) - active_since)),
                        active_since = clock_timestamp()
                    WHERE campaign_id = :campaign
                """),
                {"campaign": campaign_id, "threads": threads, "workers": workers, "cores": cores},
            )
            _take_slots_back(connection, campaign_id)

    def take_slots_back(self, campaign_id: int) -> None:
        """Every worker is gone: what ran is open again, not counted as lost."""
        with storage_errors(self._engine), self._engine.begin() as connection:
            _take_slots_back(connection, campaign_id)

    def request_stop(self, campaign_id: int, reason: str) -> None:
        """Running trials are to be stopped for good; the first reason is kept."""
        with storage_errors(self._engine), self._engine.begin() as connection:
            connection.execute(
                text("""
                    UPDATE corebound_campaigns SET stop_requested = coalesce(stop_requested, :reason)
                    WHERE campaign_id = :campaign
                """),
                {"campaign": campaign_id, "reason": reason},
            )

    def finish(self, campaign_id: int, phase: Phase, *, reason: str, message: str) -> None:
        """Set the phase; a final one skips every slot that is still open or running."""
        with storage_errors(self._engine), self._engine.begin() as connection:
            _finish(connection, campaign_id, phase, reason=reason, message=message)

    def close_out(self, campaign_id: int, *, reason: str, message: str) -> bool:
        """Nobody wants it any more: whatever still runs is told FAIL and fenced, what is open skipped, for good.

        A campaign that has ended already stays as it is (False), and so does one that is gone.
        """
        with storage_errors(self._engine), self._engine.begin() as connection:
            locked = text("SELECT phase FROM corebound_campaigns WHERE campaign_id = :campaign FOR UPDATE")
            phase = connection.execute(locked, {"campaign": campaign_id}).scalar()
            if phase is None or Phase(phase).is_final:
                return False
            _finish(connection, campaign_id, Phase.FAILED, reason=reason, message=message)
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
            old = _records(
                connection,
                """
                    WHERE phase IN ('Succeeded', 'Failed') AND finished_at < clock_timestamp() - :age
                      AND NOT uid = ANY(cast(:keep AS uuid[])) ORDER BY campaign_id
                """,
                {"age": older_than, "keep": list(keep)},
            )
        for record in old:
            self.delete(record.campaign_id)
        return old

    def attended(self, campaign: CampaignRecord) -> bool:
        """Whether anybody runs it now: a supervisor, or a worker seen within a lease."""
        with storage_errors(self._engine), self._engine.begin() as connection:
            return bool(
                connection.execute(
                    _ATTENDED,
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


def _finish(connection: sqlalchemy.Connection, campaign_id: int, phase: Phase, *, reason: str, message: str) -> None:
    if phase.is_final:
        for statement in (_TAKE_LEASES, _DROP_LEASES, _CLOSE_TOLD):
            connection.execute(text(statement), {"campaign": campaign_id})
        _fail_running_trials(connection, campaign_id)
        for statement in _SKIP_WHAT_IS_LEFT:
            connection.execute(
                text(statement),
                {"campaign": campaign_id, **({"message": message} if ":message" in statement else {})},
            )
    connection.execute(
        text("""
            UPDATE corebound_campaigns SET phase = :phase, reason = :reason, message = :message,
                finished_at = CASE WHEN :final THEN clock_timestamp() END,
                active_seconds = active_seconds + coalesce(extract(epoch FROM clock_timestamp() - active_since), 0),
                active_since = NULL
            WHERE campaign_id = :campaign
        """),
        {
            "campaign": campaign_id,
            "phase": phase.value,
            "reason": reason,
            "message": message,
            "final": phase.is_final,
        },
    )


def _archive_name(connection: sqlalchemy.Connection, name: str) -> str:
    taken = set(connection.execute(text("SELECT study_name FROM studies")).scalars())
    return next(f"{name}@{index}" for index in range(1, 10**6) if f"{name}@{index}" not in taken)


def _take_slots_back(connection: sqlalchemy.Connection, campaign_id: int) -> None:
    """Only the holder of ``supervise`` does this: earlier workers are gone, or fenced when they wake."""
    for statement in (
        _TAKE_LEASES,
        _DROP_LEASES,
        "UPDATE corebound_slots SET state = 'open', attempt = attempt + 1 "
        "WHERE campaign_id = :campaign AND state = 'running'",
        "UPDATE corebound_workers SET ended_at = seen_at, message = 'gone without a word' "
        "WHERE campaign_id = :campaign AND ended_at IS NULL",
    ):
        connection.execute(text(statement), {"campaign": campaign_id})


def _artifacts_folder(connection: sqlalchemy.Connection, below: str, name: str) -> str:
    """A folder that no campaign of this ledger has: an archived one's files stay where its results say they are."""
    taken = set(connection.execute(text("SELECT artifacts FROM corebound_campaigns")).scalars())
    below = below.rstrip("/")
    folders = (f"{below}/{name}" if index == 1 else f"{below}/{name}@{index}" for index in range(1, 10**6))
    return next(folder for folder in folders if folder not in taken)


def _fail_running_trials(connection: sqlalchemy.Connection, campaign_id: int) -> None:
    """Tell FAIL what is still RUNNING, each as the holder of its slot: there is no way around the fence."""
    rows = connection.execute(
        text("""
            SELECT s.slot, s.attempt, s.trial_id FROM corebound_slots s JOIN trials t ON t.trial_id = s.trial_id
            WHERE s.campaign_id = :campaign AND s.state IN ('open', 'running') AND t.state = 'RUNNING' FOR UPDATE OF s
        """),
        {"campaign": campaign_id},
    ).all()
    for slot, attempt, trial_id in rows:
        connection.execute(
            text("SELECT set_config('corebound.slot', :slot, true), set_config('corebound.attempt', :attempt, true)"),
            {"slot": f"{campaign_id}/{slot}", "attempt": str(attempt)},
        )
        connection.execute(
            text("""
                UPDATE trials SET state = 'FAIL', datetime_complete = timezone('utc', clock_timestamp())
                WHERE trial_id = :trial
            """),
            {"trial": trial_id},
        )


def _add_study(
    connection: sqlalchemy.Connection, name: str, *, directions: Sequence[str], metric_names: Sequence[str]
) -> int:
    """The campaign's study, as Optuna makes it. One of that name which is there already is somebody else's."""
    made: int | None = connection.execute(
        text("INSERT INTO studies (study_name) VALUES (:name) ON CONFLICT DO NOTHING RETURNING study_id"),
        {"name": name},
    ).scalar()
    if made is None:
        trials = connection.execute(
            text("SELECT count(*) FROM trials JOIN studies USING (study_id) WHERE study_name = :name"), {"name": name}
        ).scalar()
        raise CampaignConflictError(
            f"the database holds a study {name!r} with {trials} trials that was not made by a campaign; it stays as it is. "
            f"Give the campaign another metadata.name; to learn from that study write search.warmStart: {{study: {name}}}"
        )
    for objective, direction in enumerate(directions):
        connection.execute(
            text("""
                INSERT INTO study_directions (study_id, objective, direction)
                VALUES (:study, :objective, cast(:direction AS studydirection))
            """),
            {"study": made, "objective": objective, "direction": direction.upper()},
        )
    connection.execute(
        text("INSERT INTO study_system_attributes (study_id, key, value_json) VALUES (:study, :key, :value)"),
        {"study": made, "key": _METRIC_NAMES, "value": json.dumps(list(metric_names))},
    )
    return made


def _add_slots(connection: sqlalchemy.Connection, record: CampaignRecord, first: int) -> None:
    connection.execute(
        text("""
            INSERT INTO corebound_slots (campaign_id, slot)
            SELECT :campaign, slot FROM generate_series(cast(:first AS integer), :trials - 1) AS slot
            ON CONFLICT DO NOTHING
        """),
        {"campaign": record.campaign_id, "first": first, "trials": record.trials},
    )


def _read(connection: sqlalchemy.Connection, **by: Any) -> CampaignRecord:
    [(column, _)] = by.items()
    return _records(connection, f"WHERE {column} = :{column}", by)[0]


def _records(connection: sqlalchemy.Connection, where: str, values: Mapping[str, Any]) -> list[CampaignRecord]:
    rows = connection.execute(text(f"SELECT * FROM corebound_campaigns {where}"), values).mappings()
    return [CampaignRecord(**{**row, "phase": Phase(row["phase"])}) for row in rows]
