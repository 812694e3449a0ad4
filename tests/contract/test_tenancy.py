"""Namespaces are kept apart by PostgreSQL itself: proved on real servers, with a login that is no superuser."""

from __future__ import annotations

import logging
import multiprocessing
import traceback
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from uuid import uuid4

import optuna
import psycopg
import pytest
import sqlalchemy
from psycopg import sql

from corebound.api.errors import (
    CampaignConflictError,
    FencedError,
    StorageError,
    StorageUnreachableError,
)
from corebound.api.loading import campaign_from_mapping
from corebound.api.records import Phase, SlotProgress, SlotState, WorkerTelemetry
from corebound.api.search import Objective, Search
from corebound.ledger.connection import database_url, engine_options
from corebound.ledger.ledger import Ledger, open_ledger
from corebound.ledger.storage import CampaignStorage
from corebound.ledger.tenancy import (
    accepts,
    check_rights,
    drop_tenant,
    operator_url,
    prepare_shared,
    prepare_tenant,
    set_password,
    tenants,
    worker_url,
)
from corebound.ledger.tenant import Tenant, tenant_of
from corebound.local.postgres import EmbeddedPostgres
from corebound_operator.loop.records import ledger_record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from corebound.api.spec import SearchCampaign

PASSWORD = "geheim-4711"
OPERATORS = "verwaltung-0815"


@dataclass(frozen=True, kw_only=True)
class Database:
    """A fresh database of its own on a server that asks for passwords."""

    host: str
    name: str

    def url(self, user: str = "operator", password: str = OPERATORS) -> str:
        return f"postgresql://{user}:{password}@/{self.name}?host={quote(self.host, safe='')}"

    def as_superuser(self, statement: str, *names: str) -> list[Any]:
        with psycopg.connect(host=self.host, user="corebound", dbname=self.name, autocommit=True) as connection:
            found = connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))
            return found.fetchall() if found.description else []


def debian_binaries() -> Path:
    return sorted(Path("/usr/lib/postgresql").glob("*/bin"))[0]


@pytest.fixture(scope="module", params=["embedded", pytest.param("debian", marks=pytest.mark.needs("postgresql"))])
def locked_server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The folder of a server's socket: the embedded one's, and that of the oldest PostgreSQL of Debian."""
    postgres = EmbeddedPostgres(tmp_path_factory.mktemp("locked"))
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "debian":
            patch.setattr("corebound.local.postgres._binaries", debian_binaries)
        with postgres.used(connections=150):
            hba = postgres.data_folder / "pg_hba.conf"
            hba.write_text("local all corebound trust\nlocal all all scram-sha-256\n")
            with (postgres.data_folder / "postgresql.auto.conf").open("a") as settings:
                settings.write("log_statement = all\nlog_min_error_statement = error\n")
            postgres._control("reload")
            host = str(postgres.socket_folder)
            admin = Database(host=host, name="postgres")
            admin.as_superuser(f"CREATE ROLE operator LOGIN CREATEROLE PASSWORD '{OPERATORS}'")
            admin.as_superuser(f"CREATE ROLE humble LOGIN PASSWORD '{OPERATORS}'")
            yield host


def server_log(host: str) -> list[str]:
    """Every statement of every session so far, and every error."""
    with psycopg.connect(host=host, user="corebound", dbname="postgres") as connection:
        [data] = connection.execute("SELECT setting FROM pg_settings WHERE name = 'data_directory'").fetchone() or [""]
    logs = (Path(data) / "log").iterdir()
    return [line for file in logs for line in file.read_text(errors="replace").splitlines()]


@pytest.fixture
def database(locked_server: str) -> Iterator[Database]:
    made = Database(host=locked_server, name=f"test_{uuid4().hex[:12]}")
    admin = Database(host=locked_server, name="postgres")
    admin.as_superuser("CREATE DATABASE {}", made.name)
    admin.as_superuser("GRANT CREATE ON DATABASE {} TO operator", made.name)
    yield made
    roles = made.as_superuser("SELECT rolname FROM pg_roles WHERE rolname LIKE 'cb\\_%'")
    admin.as_superuser("DROP DATABASE {} WITH (FORCE)", made.name)
    for (role,) in roles:
        admin.as_superuser("DROP ROLE {}", role)


def prepared(database: Database, namespace: str = "team-a", uid: str | None = None) -> tuple[Tenant, str]:
    """A tenant and its workers' address."""
    tenant = prepare_tenant(database.url(), namespace=namespace, namespace_uid=uid or str(uuid4()))
    set_password(database.url(), tenant, PASSWORD)
    return tenant, worker_url(database.url(), tenant, PASSWORD)


def campaign(ledger: Ledger, name: str = "search", *, trials: int = 3, **more: Any) -> Any:
    record = ledger.campaigns.create(
        name=name,
        specification={"spec": {"objectives": [{"metric": "loss", "direction": "minimize"}]}},
        trials=trials,
        directions=["minimize"],
        metric_names=["loss"],
        retries=1,
        retry_exceptions=False,
        **more,
    )
    ledger.campaigns.begin(record.campaign_id, threads=1, workers=1)
    return ledger.campaigns.get(name)


def refused(url: str, statement: str) -> str:
    """The SQLSTATE with which the server refuses it."""
    engine = sqlalchemy.create_engine(database_url(url))
    try:
        with engine.begin() as connection, pytest.raises(sqlalchemy.exc.DBAPIError) as caught:
            connection.exec_driver_sql(statement)
    finally:
        engine.dispose()
    return str(getattr(caught.value.orig, "sqlstate", None))


def test_names_are_cut_and_never_collide() -> None:
    long = "a-very-long-namespace-name-of-forty-signs"
    one = tenant_of(namespace=f"{long}-one", namespace_uid="0a1b2c3d-0000-4000-8000-000000000000")
    two = tenant_of(namespace=f"{long}-two", namespace_uid="99887766-0000-4000-8000-000000000000")
    assert one.schema == one.role == "cb_a_very_long_namespace_name_of_forty_sign_0a1b2c3d"
    assert two.schema == "cb_a_very_long_namespace_name_of_forty_sign_99887766"
    for namespace, uid in (("Team", "0a1b2c3d"), ("team", "nothing"), ("tëam", "0a1b2c3d"), ('a"b', "0a1b2c3d")):
        with pytest.raises(StorageError, match="expected the name and UID"):
            tenant_of(namespace=namespace, namespace_uid=uid)


def test_a_whole_worker_life_as_the_tenant(database: Database) -> None:
    tenant, url = prepared(database)
    with (
        open_ledger(operator_url(database.url(), tenant), application="operator") as operator,
        open_ledger(url, application="worker") as worker,
    ):
        record = campaign(operator)
        worker_id = worker.workers.register(record.campaign_id, name="w", host="h", pid=1, threads=1, cores="")
        storage = CampaignStorage(url, grace=5)
        study = optuna.load_study(
            study_name=record.study_name, storage=storage, sampler=optuna.samplers.CmaEsSampler(n_startup_trials=1)
        )
        for _ in range(3):
            claim = worker.slots.claim(record.campaign_id, worker_id)
            assert claim is not None
            trial = optuna.Trial(study, storage.create_trial(claim, study_id=record.study_id, fixed_params={}))
            loss = trial.suggest_float("x", 0, 1) + trial.suggest_float("y", 0, 1)
            trial.report(loss, 1)
            trial.set_user_attr("note", "seen")
            worker.checkpoints.save(claim, b"state", step=1)
            beat = worker.workers.beat(worker_id, WorkerTelemetry(), claim=claim, progress=SlotProgress(step=1))
            assert beat.lease_held
            study.tell(trial, loss)
            assert worker.slots.close(claim, cpu_seconds=1) is SlotState.SUCCEEDED
        storage.bind(None)
        storage.set_study_system_attr(record.study_id, "state", "by Optuna's own storage")
        assert worker.slots.claim(record.campaign_id, worker_id) is None
        worker.workers.end(worker_id, exit_code=0, message=None, telemetry=WorkerTelemetry())
        assert operator.summaries.of(record).done == 3
        search = Search.model_validate({"parameters": [{"name": "x", "type": "float", "low": 0, "high": 1}]})
        objectives = [Objective.model_validate({"metric": "loss", "direction": "minimize"})]
        warm = worker.campaigns.warm_start("search", called="search", objectives=objectives, search=search)
        assert campaign(worker, "second", warm_start=warm).uid != record.uid
        storage.close()
    address = database_url(url)
    plain = optuna.storages.RDBStorage(
        address.render_as_string(hide_password=False),
        engine_kwargs=engine_options(address, connections=2, application="plain"),
    )
    assert len(optuna.load_study(study_name="search", storage=plain).trials) == 3
    plain.remove_session()
    plain.engine.dispose()


def test_the_role_can_neither_look_around_nor_build(database: Database) -> None:
    mine, url = prepared(database)
    other, _ = prepared(database, "team-b")
    database.as_superuser("CREATE TABLE public.plans (secret text)")
    for statement in (
        f"TABLE {other.schema}.trials",
        f"LOCK {other.schema}.studies IN ROW EXCLUSIVE MODE",
        f"SET ROLE {other.role}",
        "SELECT * FROM public.plans",
        "CREATE TABLE public.mine (x int)",
        "CREATE TABLE mine (x int)",
        "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE SCHEMA mine",
        "CREATE ROLE mine",
        "ALTER TABLE trials ADD COLUMN mine int",
        "ALTER TABLE trials DISABLE TRIGGER corebound_fence",
        "DROP TRIGGER corebound_fence ON trials",
        "CREATE TRIGGER mine BEFORE INSERT ON trials FOR EACH ROW EXECUTE FUNCTION corebound_fence_values()",
        "ALTER FUNCTION corebound_refuse(text) RENAME TO nothing",
        "SET session_replication_role = replica",
        "TRUNCATE trials",
        "DROP TABLE trials",
        "UPDATE alembic_version SET version_num = 'mine'",
        "DELETE FROM corebound_alembic_version",
        "SELECT rolpassword FROM pg_authid",
        "SELECT passwd FROM pg_shadow",
        "SELECT pg_read_file('/etc/passwd')",
        "COPY trials TO PROGRAM 'cat'",
    ):
        assert refused(url, statement) == "42501", statement
    engine = sqlalchemy.create_engine(database_url(url))
    with engine.begin() as connection:
        names = ("search_path", "idle_in_transaction_session_timeout", "lock_timeout")
        assert [connection.exec_driver_sql(f"SHOW {name}").scalar() for name in names] == [mine.schema, "15s", "10s"]
    engine.dispose()


def test_the_fence_holds_for_the_role(database: Database) -> None:
    _, url = prepared(database)
    with open_ledger(url, application="worker") as ledger:
        record = campaign(ledger)
        worker_id = ledger.workers.register(record.campaign_id, name="w", host="h", pid=1, threads=1, cores="")
        claim = ledger.slots.claim(record.campaign_id, worker_id)
        assert claim is not None
        storage = CampaignStorage(url, grace=5)
        trial_id = storage.create_trial(claim, study_id=record.study_id, fixed_params={})
        ledger.slots.release(claim)
        with pytest.raises(FencedError):
            storage.set_trial_user_attr(trial_id, "late", 1)
        storage.close()
    assert refused(url, "UPDATE trials SET state = 'FAIL'") == "CB001"


def test_objects_of_later_versions_are_the_workers_too(database: Database) -> None:
    tenant, url = prepared(database)
    engine = sqlalchemy.create_engine(database_url(operator_url(database.url(), tenant)))
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE later (id serial, x int)")
    engine.dispose()
    engine = sqlalchemy.create_engine(database_url(url))
    with engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO later (x) VALUES (1)")
        assert connection.exec_driver_sql("SELECT id, x FROM later").one() == (1, 1)
    engine.dispose()


def test_many_prepare_the_same_and_others_at_once(database: Database) -> None:
    uids = [str(uuid4()) for _ in range(2)]
    processes = multiprocessing.get_context("forkserver")
    # Imported once: eight times over it was most of the test, and kept the eight from starting at once.
    processes.set_forkserver_preload(["corebound.ledger.tenancy", "optuna.storages._rdb.storage", "alembic.command"])
    with ProcessPoolExecutor(8, mp_context=processes) as pool:
        made = [pool.submit(prepare_tenant, database.url(), namespace="team-a", namespace_uid=uid) for uid in uids * 4]
    assert len({each.result().schema for each in made}) == 2
    assert {tenant.namespace_uid for tenant in tenants(database.url())} == set(uids), "another UID is another tenant"


@pytest.mark.parametrize("locked_server", ["embedded"], indirect=True)
def test_twelve_tenants(database: Database) -> None:
    made = [
        prepare_tenant(database.url(), namespace=f"team-{index}", namespace_uid=str(uuid4())) for index in range(12)
    ]
    assert tenants(database.url()) == sorted(made, key=lambda tenant: tenant.schema)


def test_a_wrong_password_is_found(database: Database) -> None:
    tenant, url = prepared(database)
    assert accepts(url)
    assert not accepts(worker_url(database.url(), tenant, "another-4712"))
    set_password(database.url(), tenant, "another-4712")
    assert not accepts(url)
    changed = worker_url(database.url(), tenant, "another-4712")
    assert accepts(changed)
    with pytest.raises(StorageError, match=r"refused.*does not exist"):
        accepts(changed.replace(database.name, "nowhere"))
    with pytest.raises(StorageUnreachableError):
        accepts("postgresql://me:geheim-4711@127.0.0.1:1/none")


def test_addresses_keep_what_is_the_servers_and_drop_what_is_the_operators() -> None:
    tenant = tenant_of(namespace="team-a", namespace_uid="0a1b2c3d")
    admin = "postgresql://op:pw@db.example:6543/cb?sslmode=verify-full&sslcert=/me.crt&options=-cstatement_timeout%3D9s"
    assert worker_url(admin, tenant, "p@ss/w%rd") == (
        "postgresql+psycopg://cb_team_a_0a1b2c3d:p%40ss%2Fw%25rd@db.example:6543/cb?sslmode=verify-full"
    )
    options = engine_options(database_url(operator_url(admin, tenant)), connections=1, application="x")["connect_args"]
    assert options["options"].split(" -c")[-2:] == ["statement_timeout=9s", "search_path=cb_team_a_0a1b2c3d"]
    assert "lock_timeout=10s" in options["options"]


def test_a_login_that_may_not_create_roles_is_told_what_to_do(database: Database) -> None:
    check_rights(database.url())
    with pytest.raises(StorageError, match=r"has no CREATEROLE.*database.isolation: shared"):
        check_rights(database.url("humble"))
    with pytest.raises(StorageError, match=r"CREATEROLE.*database.isolation: shared"):
        prepare_tenant(database.url("humble"), namespace="team-a", namespace_uid=str(uuid4()))
    database.as_superuser("REVOKE CREATE ON DATABASE {} FROM operator", database.name)
    with pytest.raises(StorageError, match="has no CREATE on the database"):
        check_rights(database.url())
    with pytest.raises(StorageError, match=r"permission denied for database.*database.isolation: shared"):
        prepare_tenant(database.url(), namespace="team-a", namespace_uid=str(uuid4()))
    assert tenants(database.url()) == []
    assert database.as_superuser("SELECT 1 FROM pg_roles WHERE rolname LIKE 'cb\\_%'") == []


def test_shared_mode(database: Database) -> None:
    with pytest.raises(StorageError, match="permission denied for schema public"):
        prepare_shared(database.url("humble"))
    database.as_superuser('CREATE SCHEMA "Search es" AUTHORIZATION humble')
    database.as_superuser("ALTER ROLE humble IN DATABASE {} SET search_path = 'Search es'", database.name)
    tenant = prepare_shared(database.url("humble"))
    assert tenant == prepare_shared(database.url("humble")) == Tenant(schema="Search es", role=None)
    url = worker_url(database.url("humble"), tenant, "")
    assert accepts(url)
    with open_ledger(url, application="worker") as ledger:
        record = campaign(ledger)
        assert ledger.campaigns.find_uid(record.uid) == record
    with pytest.raises(StorageError, match="no role of its own"):
        set_password(database.url("humble"), tenant, PASSWORD)


def test_in_one_ledger_another_namespaces_campaign_is_left_alone(ledger: Ledger) -> None:
    def of_namespace(namespace: str) -> SearchCampaign:
        return campaign_from_mapping(
            {
                "apiVersion": "corebound.dev/v1alpha1",
                "kind": "SearchCampaign",
                "metadata": {"name": "search", "namespace": namespace},
                "spec": {
                    "trials": 3,
                    "objectives": [{"metric": "loss", "direction": "minimize"}],
                    "search": {"parameters": [{"name": "x", "type": "float", "low": 0, "high": 1}]},
                    "trial": {"command": ["true"]},
                },
            }
        )

    first = ledger_record(ledger, of_namespace("team-a"), uid=str(uuid4()), heartbeat_seconds=10)
    with pytest.raises(CampaignConflictError, match="namespace team-a has a campaign 'search'"):
        ledger_record(ledger, of_namespace("team-b"), uid=str(uuid4()), heartbeat_seconds=10)
    assert ledger.campaigns.all() == [first]
    again = ledger_record(ledger, of_namespace("team-a"), uid=str(uuid4()), heartbeat_seconds=10)
    assert [record.name for record in ledger.campaigns.all()] == ["search@1", "search"]
    assert again.uid != first.uid


def test_a_tenant_is_dropped_when_nothing_runs(database: Database) -> None:
    tenant, url = prepared(database)
    other, _ = prepared(database, "team-b")
    with open_ledger(url, application="worker") as ledger:
        record = campaign(ledger)
        with pytest.raises(CampaignConflictError, match="search"):
            drop_tenant(database.url(), tenant)
        drop_tenant(database.url(), tenant, force=True)
        drop_tenant(database.url(), tenant)
        with pytest.raises(StorageError):
            ledger.campaigns.get(record.name)
    assert tenants(database.url()) == [other]
    assert not accepts(url)
    _, url = prepared(database, "team-a", tenant.namespace_uid)
    assert accepts(url), "made again"


def test_campaigns_of_the_same_name_in_two_namespaces_are_two(database: Database) -> None:
    with (
        open_ledger(prepared(database)[1], application="one", connections=2) as one,
        open_ledger(prepared(database, "team-b")[1], application="two", connections=2) as two,
    ):
        first, second = campaign(one), campaign(two)
        with one.campaigns.supervise("search"), two.campaigns.supervise("search"):
            assert one.campaigns.attended(first)
            assert two.campaigns.attended(second)
        assert not two.campaigns.attended(second)


def test_a_password_stands_in_no_message(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    tenant, url = prepared(database)
    other, _ = prepared(database, "team-b")
    said = [repr(tenant), str(tenant)]

    def failing(call: Any) -> None:
        with pytest.raises(StorageError) as caught:
            call()
        said.extend(traceback.format_exception(caught.value))

    failing(lambda: open_ledger(url.replace(PASSWORD, f"not-{PASSWORD}"), application="worker"))
    failing(lambda: set_password(database.url("humble"), tenant, PASSWORD))
    failing(lambda: set_password(url, other, f"{PASSWORD}'; --"))
    failing(lambda: prepare_tenant(database.url("humble"), namespace="team-c", namespace_uid=str(uuid4())))
    failing(lambda: prepare_tenant(url.replace(database.name, "nowhere"), namespace="x", namespace_uid=str(uuid4())))
    with open_ledger(url, application="worker") as ledger:
        said.extend([repr(ledger), repr(ledger.campaigns), ledger.public_url])
        campaign(ledger)
        for command in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                assert PASSWORD.encode() not in command.read_bytes()
            except OSError:
                continue
    logged = server_log(database.host)
    assert any("ALTER ROLE" in line and "SCRAM-SHA-256$" in line for line in logged)
    assert [line for line in logged if PASSWORD in line] == []
    for word in (PASSWORD, OPERATORS, "SCRAM-SHA-256$"):
        assert word not in "".join(said)
        assert word not in caplog.text


def test_an_object_made_again_is_another_campaign(database: Database) -> None:
    _, url = prepared(database)
    old_uid, new_uid = uuid4(), uuid4()
    with open_ledger(url, application="worker") as ledger:
        old = campaign(ledger, uid=old_uid)
        worker_id = ledger.workers.register(old.campaign_id, name="w", host="h", pid=1, threads=1, cores="")
        claim = ledger.slots.claim(old.campaign_id, worker_id)
        assert claim is not None
        storage = CampaignStorage(url, grace=5)
        trial_id = storage.create_trial(claim, study_id=old.study_id, fixed_params={})
        assert ledger.campaigns.find_uid(new_uid) is None

        assert ledger.campaigns.close_out(old.campaign_id, reason="Replaced", message="made again")
        assert not ledger.campaigns.close_out(old.campaign_id, reason="Again", message="again")
        ledger.campaigns.archive("search")
        new = campaign(ledger, uid=new_uid)
        assert new.study_id != old.study_id
        assert ledger.campaigns.find_uid(new_uid) == new
        archived = ledger.campaigns.find_uid(old_uid)
        assert archived is not None
        assert (archived.name, archived.phase, archived.reason) == ("search@1", Phase.FAILED, "Replaced")
        for late in (
            lambda: storage.set_trial_user_attr(trial_id, "late", 1),
            lambda: storage.set_trial_state_values(trial_id, optuna.trial.TrialState.COMPLETE, [1.0]),
            lambda: ledger.slots.close(claim, cpu_seconds=0),
            lambda: ledger.checkpoints.save(claim, b"late", step=1),
        ):
            with pytest.raises(FencedError):
                late()
        assert not ledger.workers.beat(worker_id, WorkerTelemetry(), claim=claim).lease_held
        assert ledger.slots.claim(old.campaign_id, worker_id) is None
        storage.bind(None)
        assert [row.state for row in ledger.slots.rows(old.campaign_id)] == [SlotState.SKIPPED] * 3
        assert optuna.load_study(study_name="search@1", storage=storage).trials[0].state.name == "FAIL"
        storage.close()


def rows_of_a_campaign(url: str) -> dict[str, int]:
    """How many rows each table has."""
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        tables = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() AND tablename NOT LIKE '%version%'"
        ).fetchall()
        count = "SELECT count(*) FROM {}"
        return {
            name: (connection.execute(sql.SQL(count).format(sql.Identifier(name))).fetchone() or [0])[0]
            for (name,) in tables
        }


def test_a_deleted_campaign_leaves_nothing_and_its_worker_is_fenced(ledger: Ledger, url: str) -> None:
    before = rows_of_a_campaign(url)
    record = campaign(ledger)
    worker_id = ledger.workers.register(record.campaign_id, name="w", host="h", pid=1, threads=1, cores="")
    claim = ledger.slots.claim(record.campaign_id, worker_id)
    assert claim is not None
    storage = CampaignStorage(url, grace=5)
    trial_id = storage.create_trial(claim, study_id=record.study_id, fixed_params={})
    study = optuna.load_study(study_name=record.study_name, storage=storage)
    trial = optuna.Trial(study, trial_id)
    trial.suggest_float("x", 0, 1)
    trial.report(1.0, 1)
    trial.set_user_attr("note", 1)
    study.set_user_attr("note", 1)
    ledger.checkpoints.save(claim, b"state", step=1)
    ledger.workers.beat(worker_id, WorkerTelemetry(), claim=claim, progress=SlotProgress(step=1))
    ledger.campaigns.delete(record.campaign_id)
    ledger.campaigns.delete(record.campaign_id)
    assert rows_of_a_campaign(url) == before
    for late in (
        lambda: trial.suggest_float("y", 0, 1),
        lambda: trial.report(2.0, 2),
        lambda: trial.set_user_attr("late", 1),
        lambda: study.tell(trial, 1.0),
        lambda: ledger.slots.close(claim, cpu_seconds=0),
        lambda: ledger.slots.lose(claim, error="late"),
        lambda: ledger.checkpoints.save(claim, b"late", step=2),
        lambda: ledger.workers.register(record.campaign_id, name="w", host="h", pid=1, threads=1, cores=""),
    ):
        with pytest.raises(FencedError):
            late()
    storage.close()
    assert ledger.slots.claim(record.campaign_id, worker_id) is None
    assert rows_of_a_campaign(url) == before


def test_what_ended_long_ago_is_retired_unless_its_object_is_there(ledger: Ledger, url: str) -> None:
    ended, kept, running = (campaign(ledger, name) for name in ("ended", "kept", "running"))
    for record in (ended, kept):
        ledger.campaigns.finish(record.campaign_id, Phase.SUCCEEDED, reason="Done", message="done")
    assert ledger.campaigns.retire(timedelta(days=1), keep=[]) == []
    retired = ledger.campaigns.retire(timedelta(), keep=[kept.uid])
    assert [record.uid for record in retired] == [ended.uid]
    assert [record.uid for record in ledger.campaigns.all()] == [kept.uid, running.uid]


def test_a_summary_is_one_statement(ledger: Ledger, url: str) -> None:
    record = campaign(ledger, trials=6)
    worker_id = ledger.workers.register(record.campaign_id, name="w", host="h", pid=1, threads=2, cores="")
    ledger.workers.beat(worker_id, WorkerTelemetry(cpu_seconds=3, wall_seconds=2, throttled_seconds=1))
    storage = CampaignStorage(url, grace=5)
    study = optuna.load_study(study_name=record.study_name, storage=storage)
    for loss, constraint in ((float("inf"), 0.0), (3.0, 0.0), (2.0, 0.0), (2.0, 0.0), (1.0, 1.0)):
        claim = ledger.slots.claim(record.campaign_id, worker_id)
        assert claim is not None
        trial = optuna.Trial(
            study, storage.create_trial(claim, study_id=record.study_id, fixed_params={"x": loss / 10})
        )
        if loss < float("inf"):
            trial.suggest_float("x", 0, 1)
        storage.set_trial_system_attr(trial._trial_id, "constraints:c", constraint)
        study.tell(trial, loss)
        ledger.slots.close(claim, cpu_seconds=1)
    statements: list[str] = []
    engine = ledger.campaigns._engine
    sqlalchemy.event.listen(engine, "before_cursor_execute", lambda *each: statements.append(each[2]))
    found = ledger.summaries.of(record)
    assert len(statements) == 1
    assert found.best is not None
    assert (found.best.slot, found.best.value, found.best.params) == (2, 2.0, {"x": 0.2}), "the first of equals"
    assert (found.done, found.claimable, found.failed_first) == (5, 1, False)
    assert (found.cpu_seconds, found.worker_seconds, found.throttled_seconds) == (3, 4, 1)
    other_way = {"spec": {"objectives": [{"metric": "loss", "direction": "maximize"}]}}
    worst = ledger.summaries.of(replace(record, specification=other_way)).best
    assert worst is not None
    assert (worst.slot, worst.value, worst.params) == (0, float("inf"), {})
    storage.close()


def test_the_front_counts_all_that_nobody_beats(ledger: Ledger, url: str) -> None:
    record = ledger.campaigns.create(
        name="front",
        specification={
            "spec": {
                "objectives": [
                    {"metric": "loss", "direction": "minimize"},
                    {"metric": "speed", "direction": "maximize"},
                ]
            }
        },
        trials=6,
        directions=["minimize", "maximize"],
        metric_names=["loss", "speed"],
        retries=0,
        retry_exceptions=False,
    )
    ledger.campaigns.begin(record.campaign_id, threads=1, workers=1)
    worker_id = ledger.workers.register(record.campaign_id, name="w", host="h", pid=1, threads=1, cores="")
    storage = CampaignStorage(url, grace=5)
    study = optuna.load_study(study_name="front", storage=storage)
    for values in ((1.0, 1.0), (2.0, 3.0), (2.0, 3.0), (2.5, 2.0), (float("inf"), 9.0), (3.0, 3.0)):
        claim = ledger.slots.claim(record.campaign_id, worker_id)
        assert claim is not None
        trial = optuna.Trial(study, storage.create_trial(claim, study_id=record.study_id, fixed_params={}))
        study.tell(trial, values)
        ledger.slots.close(claim, cpu_seconds=1)
    found = ledger.summaries.of(record)
    assert found.best is None
    assert found.front_size == 4
    assert found.front_size == len(study.best_trials)
    storage.close()
