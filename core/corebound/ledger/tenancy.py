"""One schema and one role for each Kubernetes namespace: a worker reaches its own namespace's campaigns and nothing else.

The operator's login owns every object. A tenant's role may log in and read and write the rows of its schema; it can make,
change and drop nothing there, so the fence stays. The login needs CREATEROLE and CREATE on the database, no superuser's
rights. What could go wrong: several operators prepare at once (an advisory lock, and once more when PostgreSQL says
that rows of its catalogue changed meanwhile), the login may not create roles (the error names ``database.isolation:
shared``), a password (it leaves this process as a SCRAM verifier only, and stands in no message).
"""

from __future__ import annotations

import contextlib
import json
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

import psycopg
from psycopg import sql
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from corebound.api.errors import CampaignConflictError, StorageError
from corebound.ledger.connection import database_url, is_refused_login, make_engine, public_address, storage_errors
from corebound.ledger.schema import LEDGER_REVISION, OPTUNA_REVISION, prepare_database

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import sqlalchemy

LONGEST_NAME: Final = 40
_NAMESPACE: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_UID: Final = re.compile(r"[0-9a-f]{8}[-0-9a-f]*")
_LOCK: Final = 0x74656E61
_LONGEST_WAIT: Final = "60s"
_GRANTS_REVISION: Final = "1"
_READY: Final = f"{OPTUNA_REVISION} {LEDGER_REVISION} {_GRANTS_REVISION}"
_NOTE: Final = "corebound tenant "
_OPERATORS_OWN: Final = ("user", "password", "passfile", "options", "sslcert", "sslkey", "sslpassword")
"""What of an address belongs to the operator's login alone, and would override or betray it in a worker's."""
_SETTINGS: Final = {"idle_in_transaction_session_timeout": "15s", "lock_timeout": "10s"}
_VERSION_TABLES: Final = ("alembic_version", "corebound_alembic_version", "version_info")
_CHANGED_MEANWHILE: Final = ("23505", "40P01", "42710", "42P06")
_SHARED_INSTEAD: Final = (
    "one role for each namespace needs a login with CREATEROLE, and CREATE on the database; ask an administrator for both, "
    "or set database.isolation: shared, where workers of all namespaces use the operator's own login"
)


@dataclass(frozen=True, kw_only=True)
class Tenant:
    """Where one namespace's campaigns are, and who its workers are."""

    schema: str
    role: str | None
    """None in shared mode: workers use the operator's own login."""
    namespace: str | None = None
    namespace_uid: str | None = None


def tenant_of(*, namespace: str, namespace_uid: str) -> Tenant:
    """The names for a namespace; hyphens become underscores, so that nobody has to quote them. Pure."""
    uid = namespace_uid.lower()
    if not _NAMESPACE.fullmatch(namespace) or not _UID.fullmatch(uid):
        raise StorageError(
            f"found namespace {namespace!r} with UID {namespace_uid!r}, expected the name and UID of a Kubernetes namespace"
        )
    name = f"cb_{namespace[:LONGEST_NAME].replace('-', '_')}_{uid[:8]}"
    return Tenant(schema=name, role=name, namespace=namespace, namespace_uid=uid)


def prepare_tenant(admin_url: str, *, namespace: str, namespace_uid: str) -> Tenant:
    """The namespace's schema with all tables, and its role without a password; safe to call again, and many times at once.

    Raises :class:`StorageError` when the login of ``admin_url`` may not do that.
    """
    tenant = tenant_of(namespace=namespace, namespace_uid=namespace_uid)
    with _engine(admin_url) as engine:
        if _is_ready(engine, tenant):
            return tenant
        _in_turn(engine, lambda connection: _create(connection, tenant))
        prepare_database(operator_url(admin_url, tenant))
        _in_turn(engine, lambda connection: _grant(connection, tenant))
    return tenant


def prepare_shared(admin_url: str) -> Tenant:
    """All tables in the login's own first schema, for servers where the operator may not create roles."""
    with _engine(admin_url) as engine, storage_errors(engine), engine.begin() as connection:
        schema = connection.execute(text("SELECT current_schema()")).scalar()
        address = public_address(engine.url)
    if schema is None:
        raise StorageError(
            f"{address}: the login's search_path names no schema that exists; create one that it owns, or name one with "
            "?options=-csearch_path%3DNAME in the address"
        )
    tenant = Tenant(schema=schema, role=None)
    prepare_database(operator_url(admin_url, tenant))
    return tenant


def set_password(admin_url: str, tenant: Tenant, password: str) -> None:
    """From now on the role logs in with ``password``; the server gets a SCRAM verifier, never the password itself."""
    role = _role(tenant)

    def alter(connection: sqlalchemy.Connection) -> None:
        # Through the bare driver: SQLAlchemy would log the statement, and repeat it in its errors.
        driver = _driver(connection)
        verifier = driver.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256")
        try:
            driver.execute(
                sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(verifier.decode()))
            )
        except psycopg.Error as error:
            if _changed_meanwhile(error):
                raise _ChangedMeanwhileError from None
            raise StorageError(f"the password of role {role} was not set: {_said(error)}") from None

    with _engine(admin_url) as engine:
        _in_turn(engine, alter)


def worker_url(admin_url: str, tenant: Tenant, password: str) -> str:
    """The address for the tenant's workers; holds the password. In shared mode the operator's own."""
    if tenant.role is None:
        return operator_url(admin_url, tenant)
    url = database_url(admin_url).difference_update_query(_OPERATORS_OWN)
    return url.set(username=tenant.role, password=password).render_as_string(hide_password=False)


def operator_url(admin_url: str, tenant: Tenant) -> str:
    """The operator's own login, looking at the tenant's schema alone; holds its password."""
    url = database_url(admin_url)
    given = url.normalized_query.get("options", ())
    options = " ".join([*given, f"-csearch_path={_option_value(tenant.schema)}"])
    return url.update_query_dict({"options": options}).render_as_string(hide_password=False)


def accepts(url: str) -> bool:
    """Whether the server lets this login in. Raises :class:`StorageError` for any other reason that it does not work."""
    with _engine(url) as engine, storage_errors(engine):
        try:
            engine.connect().close()
        except DBAPIError as error:
            if is_refused_login(error):
                return False
            raise
    return True


def tenants(admin_url: str) -> list[Tenant]:
    """All tenants of this database that the login may manage, by name."""
    with _engine(admin_url) as engine, storage_errors(engine), engine.begin() as connection:
        rows = connection.execute(
            text("""
                SELECT nspname, obj_description(oid, 'pg_namespace') FROM pg_namespace
                WHERE nspname LIKE 'cb\\_%' AND pg_has_role(nspowner, 'USAGE') ORDER BY nspname
            """)
        ).all()
    noted = [(schema, _read_note(note)) for schema, note in rows]
    return [
        Tenant(schema=schema, role=schema, namespace=note["namespace"], namespace_uid=note["uid"])
        for schema, note in noted
        if note
    ]


def drop_tenant(admin_url: str, tenant: Tenant, *, force: bool = False) -> None:
    """Remove the tenant's schema with all its data, and its role; nothing happens when both are gone.

    Raises :class:`CampaignConflictError` while campaigns run, unless ``force``: then its workers are cut off first.
    """
    role = _role(tenant)
    with _engine(admin_url) as engine:
        running = [] if force else _running(engine, tenant)
        if running:
            raise CampaignConflictError(
                f"namespace {tenant.namespace} has unfinished campaigns in the ledger: {', '.join(running)}; end them "
                "first, or force it"
            )
        _in_turn(engine, lambda connection: _lock_out(connection, role))
        _in_turn(engine, lambda connection: _cut_off(connection, role))
        _in_turn(engine, lambda connection: _drop(connection, tenant, role))


# --- what is done in one transaction each -----------------------------------------------------------------------------


def _create(connection: sqlalchemy.Connection, tenant: Tenant) -> None:
    """Role and empty schema, with what later objects will grant."""
    role = _role(tenant)
    if not _exists(connection, "SELECT 1 FROM pg_roles WHERE rolname = :name", role):
        with _needs_right():
            _run(connection, "CREATE ROLE {role} LOGIN", role=role)
        if _version(connection) >= 160_000:
            # Its creator may manage it, but not act as it, which cutting its sessions off takes.
            _run(connection, "GRANT {role} TO CURRENT_USER WITH SET TRUE, INHERIT FALSE", role=role)
    found = _schema(connection, tenant)
    if found is None:
        with _needs_right():
            _run(connection, "CREATE SCHEMA {schema}", schema=tenant.schema)
        _note(connection, tenant, ready=None)
    elif not found["owned"]:
        raise StorageError(
            f"schema {tenant.schema} belongs to {found['owner']}, expected the operator's login as owner"
        )
    elif _read_note(found["note"]).get("uid") != tenant.namespace_uid:
        raise StorageError(
            f"schema {tenant.schema} is there and not that of namespace {tenant.namespace} with UID "
            f"{tenant.namespace_uid} (its comment says: {found['note'] or 'nothing'}); rename or drop it"
        )
    with _needs_right():
        _run(connection, "ALTER ROLE {role} LOGIN", role=role)
        _run(connection, "ALTER ROLE {role} RESET ALL", role=role)
        _run(connection, "ALTER ROLE {role} SET search_path = {schema}", role=role, schema=tenant.schema)
        for setting, value in _SETTINGS.items():
            _run(connection, f"ALTER ROLE {{role}} SET {setting} = '{value}'", role=role)
    for later in ("SELECT, INSERT, UPDATE, DELETE ON TABLES", "USAGE, SELECT ON SEQUENCES", "EXECUTE ON FUNCTIONS"):
        statement = f"ALTER DEFAULT PRIVILEGES IN SCHEMA {{schema}} GRANT {later} TO {{role}}"
        _run(connection, statement, role=role, schema=tenant.schema)
    _let_into_database(connection, role)
    _shut_public(connection, role)


def _grant(connection: sqlalchemy.Connection, tenant: Tenant) -> None:
    """What the role may do with the objects that are there."""
    names = {"schema": tenant.schema, "role": _role(tenant)}
    for right in (
        "USAGE ON SCHEMA {schema}",
        "SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema}",
        "USAGE, SELECT ON ALL SEQUENCES IN SCHEMA {schema}",
        "EXECUTE ON ALL FUNCTIONS IN SCHEMA {schema}",
    ):
        _run(connection, f"GRANT {right} TO {{role}}", **names)
    for table in _VERSION_TABLES:
        # A worker that could change a version would keep the operator from its namespace.
        _run(connection, "REVOKE INSERT, UPDATE, DELETE ON {schema}.{table} FROM {role}", table=table, **names)
    _note(connection, tenant, ready=_READY)


def _let_into_database(connection: sqlalchemy.Connection, role: str) -> None:
    may = text("SELECT has_database_privilege(:role, current_database(), 'CONNECT'), current_database()")
    allowed, database = connection.execute(may, {"role": role}).one()
    if allowed:
        return
    with _needs_right():
        _run(connection, "GRANT CONNECT ON DATABASE {database} TO {role}", database=database, role=role)
    if not connection.execute(may, {"role": role}).one()[0]:
        raise StorageError(
            f"role {role} may not connect to database {database}, and the operator's login may not allow it; an "
            f"administrator can: GRANT CONNECT ON DATABASE {database} TO the operator's login WITH GRANT OPTION"
        )


def _shut_public(connection: sqlalchemy.Connection, role: str) -> None:
    """Who owns the database closes ``public``, where nothing of ours is; others need that nobody may create there."""
    found = connection.execute(
        text("""
            SELECT pg_has_role(nspowner, 'USAGE') AS owned, has_schema_privilege(:role, oid, 'USAGE') AS reached,
                has_schema_privilege(:role, oid, 'CREATE') AS writable
            FROM pg_namespace WHERE nspname = 'public'
        """),
        {"role": role},
    ).one_or_none()
    if found is None:
        return
    if found.owned and found.reached:
        _run(connection, "REVOKE ALL ON SCHEMA public FROM PUBLIC")
    elif found.writable:
        raise StorageError(
            "every login may create objects in schema public of this database, so no namespace is on its own; an "
            "administrator can run: REVOKE CREATE ON SCHEMA public FROM PUBLIC"
        )


def _running(engine: sqlalchemy.Engine, tenant: Tenant) -> list[str]:
    """Names of the campaigns that are not at rest."""
    with storage_errors(engine), engine.begin() as connection:
        table = connection.execute(
            text("SELECT to_regclass(format('%I.corebound_campaigns', cast(:schema AS text)))::text"),
            {"schema": tenant.schema},
        ).scalar()
        if table is None:
            return []
        statement = "SELECT name FROM {schema}.corebound_campaigns WHERE phase IN ('Pending', 'Calibrating', 'Running')"
        rows = _driver(connection).execute(_composed(statement, schema=tenant.schema)).fetchall()
    return sorted(name for (name,) in rows)


def _lock_out(connection: sqlalchemy.Connection, role: str) -> None:
    if _exists(connection, "SELECT 1 FROM pg_roles WHERE rolname = :name", role):
        _run(connection, "ALTER ROLE {role} NOLOGIN", role=role)


def _cut_off(connection: sqlalchemy.Connection, role: str) -> None:
    """End the role's sessions. Only the role itself may, so the operator acts as it."""
    sessions = "SELECT 1 FROM pg_stat_activity WHERE usename = :name"
    if not _exists(connection, sessions, role):
        return
    if _version(connection) < 160_000:
        _run(connection, "GRANT {role} TO CURRENT_USER", role=role)
    _run(connection, "SET LOCAL ROLE {role}", role=role)
    connection.execute(
        text("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = :role"), {"role": role}
    )


def _drop(connection: sqlalchemy.Connection, tenant: Tenant, role: str) -> None:
    found = _schema(connection, tenant)
    if found is not None:
        _run(connection, "DROP SCHEMA {schema} CASCADE", schema=tenant.schema)
    if not _exists(connection, "SELECT 1 FROM pg_roles WHERE rolname = :name", role):
        return
    database = connection.execute(text("SELECT current_database()")).scalar_one()
    _run(connection, "REVOKE ALL ON DATABASE {database} FROM {role}", database=database, role=role)
    _run(connection, "DROP ROLE {role}", role=role)


# --- how --------------------------------------------------------------------------------------------------------------


class _ChangedMeanwhileError(Exception):
    """Somebody else changed the same rows of the catalogue; the transaction is to be done again."""


@contextlib.contextmanager
def _engine(url: str) -> Iterator[sqlalchemy.Engine]:
    engine = make_engine(url, connections=1, application="corebound-tenancy")
    try:
        yield engine
    finally:
        engine.dispose()


def _in_turn(engine: sqlalchemy.Engine, work: Callable[[sqlalchemy.Connection], None]) -> None:
    """``work`` in a transaction of its own, one caller at a time in this database.

    Roles are the whole server's: another database's operator is no part of the lock, and seen only by a failure.
    """
    for attempt in range(1, 11):
        try:
            with storage_errors(engine), engine.begin() as connection:
                connection.execute(text(f"SET LOCAL lock_timeout = '{_LONGEST_WAIT}'"))
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
                try:
                    work(connection)
                except DBAPIError as error:
                    if attempt < 10 and _changed_meanwhile(error.orig):
                        raise _ChangedMeanwhileError from error
                    raise
            return
        except _ChangedMeanwhileError:
            time.sleep(0.05 * attempt)
    raise StorageError("the server's roles were changed by others again and again; try again later")


def _changed_meanwhile(error: BaseException | None) -> bool:
    state = getattr(error, "sqlstate", None)
    return state in _CHANGED_MEANWHILE or (state == "XX000" and "tuple concurrently" in str(error))


@contextlib.contextmanager
def _needs_right() -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != "42501":
            raise
        raise StorageError(f"the database refused: {_said(error.orig)}: {_SHARED_INSTEAD}") from error


def _run(connection: sqlalchemy.Connection, statement: str, **names: str) -> None:
    """Run a statement whose ``{names}`` are identifiers, which no statement takes as parameters."""
    composed = _composed(statement, **names).as_string(_driver(connection))
    connection.execution_options(no_parameters=True).exec_driver_sql(composed)


def _composed(statement: str, **names: str) -> sql.Composed:
    template: Any = statement  # a constant of this module, which mypy cannot see
    return sql.SQL(template).format(**{key: sql.Identifier(name) for key, name in names.items()})


def _driver(connection: sqlalchemy.Connection) -> psycopg.Connection[Any]:
    return cast("psycopg.Connection[Any]", connection.connection.driver_connection)


def _version(connection: sqlalchemy.Connection) -> int:
    return _driver(connection).info.server_version


def _exists(connection: sqlalchemy.Connection, statement: str, name: str) -> bool:
    return connection.execute(text(statement), {"name": name}).first() is not None


def _schema(connection: sqlalchemy.Connection, tenant: Tenant) -> Any:
    return (
        connection.execute(
            text("""
                SELECT pg_get_userbyid(nspowner) AS owner, pg_has_role(nspowner, 'USAGE') AS owned,
                    obj_description(oid, 'pg_namespace') AS note FROM pg_namespace WHERE nspname = :schema
            """),
            {"schema": tenant.schema},
        )
        .mappings()
        .one_or_none()
    )


def _is_ready(engine: sqlalchemy.Engine, tenant: Tenant) -> bool:
    with storage_errors(engine), engine.begin() as connection:
        found = _schema(connection, tenant)
        note = _read_note(found["note"]) if found is not None and found["owned"] else {}
        return (
            note.get("uid") == tenant.namespace_uid
            and note.get("ready") == _READY
            and _settings(connection, _role(tenant)) == {"search_path": tenant.schema, **_SETTINGS}
        )


def _settings(connection: sqlalchemy.Connection, role: str) -> dict[str, str]:
    """What the role's sessions begin with; the role itself may change that, as any role may."""
    statement = text("SELECT unnest(rolconfig) FROM pg_roles WHERE rolname = :role AND rolcanlogin")
    return dict(setting.split("=", 1) for setting in connection.execute(statement, {"role": role}).scalars())


def _note(connection: sqlalchemy.Connection, tenant: Tenant, *, ready: str | None) -> None:
    """Names are cut, so the schema's comment says whose it is in full, and for which program it is ready."""
    note = _NOTE + json.dumps({"namespace": tenant.namespace, "uid": tenant.namespace_uid, "ready": ready})
    comment = sql.SQL("COMMENT ON SCHEMA {} IS {}").format(sql.Identifier(tenant.schema), sql.Literal(note))
    connection.execution_options(no_parameters=True).exec_driver_sql(comment.as_string(_driver(connection)))


def _read_note(note: str | None) -> dict[str, Any]:
    if note is None or not note.startswith(_NOTE):
        return {}
    with contextlib.suppress(ValueError):
        found = json.loads(note.removeprefix(_NOTE))
        if isinstance(found, dict) and {"namespace", "uid"} <= found.keys():
            return found
    return {}


def _option_value(schema: str) -> str:
    """A schema's name inside a search_path inside a start-up option: each has its own signs."""
    name = schema if re.fullmatch(r"[a-z_][a-z0-9_]*", schema) else '"' + schema.replace('"', '""') + '"'
    return re.sub(r"([\\\s])", r"\\\1", name)


def _role(tenant: Tenant) -> str:
    if tenant.role is None:
        raise StorageError(f"schema {tenant.schema} is shared and has no role of its own")
    return tenant.role


def _said(error: BaseException | None) -> str:
    return str(error).strip().split("\n")[0]
