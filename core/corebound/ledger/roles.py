"""What makes a tenant and what ends it: its role, its schema, and what the one may do in the other; a transaction each."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any, Final

from psycopg import sql
from sqlalchemy import text

from corebound.api.errors import StorageError
from corebound.ledger.catalogue import driver_of, exists, needs_right, run, server_version
from corebound.ledger.connection import storage_errors
from corebound.ledger.schema import LEDGER_REVISION, OPTUNA_REVISION
from corebound.ledger.tenant import role_of

if TYPE_CHECKING:
    import sqlalchemy

    from corebound.ledger.tenant import Tenant

_GRANTS_REVISION: Final = "1"
_READY: Final = f"{OPTUNA_REVISION} {LEDGER_REVISION} {_GRANTS_REVISION}"
_NOTE: Final = "corebound tenant "
_SETTINGS: Final = {"idle_in_transaction_session_timeout": "15s", "lock_timeout": "10s"}
_VERSION_TABLES: Final = ("alembic_version", "corebound_alembic_version", "version_info")


def create(connection: sqlalchemy.Connection, tenant: Tenant) -> None:
    """Role and empty schema, with what later objects will grant."""
    role = role_of(tenant)
    if not exists(connection, "SELECT 1 FROM pg_roles WHERE rolname = :name", role):
        with needs_right():
            run(connection, "CREATE ROLE {role} LOGIN", role=role)
        if server_version(connection) >= 160_000:
            # Its creator may manage it, but not act as it, which cutting its sessions off takes.
            run(connection, "GRANT {role} TO CURRENT_USER WITH SET TRUE, INHERIT FALSE", role=role)
    found = _schema(connection, tenant)
    if found is None:
        with needs_right():
            run(connection, "CREATE SCHEMA {schema}", schema=tenant.schema)
        _note(connection, tenant, ready=None)
    elif not found["owned"]:
        raise StorageError(
            f"schema {tenant.schema} belongs to {found['owner']}, expected the operator's login as owner"
        )
    elif read_note(found["note"]).get("uid") != tenant.namespace_uid:
        raise StorageError(
            f"schema {tenant.schema} is there and not that of namespace {tenant.namespace} with UID "
            f"{tenant.namespace_uid} (its comment says: {found['note'] or 'nothing'}); rename or drop it"
        )
    with needs_right():
        run(connection, "ALTER ROLE {role} LOGIN", role=role)
        run(connection, "ALTER ROLE {role} RESET ALL", role=role)
        run(connection, "ALTER ROLE {role} SET search_path = {schema}", role=role, schema=tenant.schema)
        for setting, value in _SETTINGS.items():
            run(connection, f"ALTER ROLE {{role}} SET {setting} = '{value}'", role=role)
    for later in ("SELECT, INSERT, UPDATE, DELETE ON TABLES", "USAGE, SELECT ON SEQUENCES", "EXECUTE ON FUNCTIONS"):
        statement = f"ALTER DEFAULT PRIVILEGES IN SCHEMA {{schema}} GRANT {later} TO {{role}}"
        run(connection, statement, role=role, schema=tenant.schema)
    _let_into_database(connection, role)
    _shut_public(connection, role)


def grant(connection: sqlalchemy.Connection, tenant: Tenant) -> None:
    """What the role may do with the objects that are there."""
    names = {"schema": tenant.schema, "role": role_of(tenant)}
    for right in (
        "USAGE ON SCHEMA {schema}",
        "SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema}",
        "USAGE, SELECT ON ALL SEQUENCES IN SCHEMA {schema}",
        "EXECUTE ON ALL FUNCTIONS IN SCHEMA {schema}",
    ):
        run(connection, f"GRANT {right} TO {{role}}", **names)
    for table in _VERSION_TABLES:
        # A worker that could change a version would keep the operator from its namespace.
        run(connection, "REVOKE INSERT, UPDATE, DELETE ON {schema}.{table} FROM {role}", table=table, **names)
    _note(connection, tenant, ready=_READY)


def lock_out(connection: sqlalchemy.Connection, role: str) -> None:
    """From now on the role may not log in."""
    if exists(connection, "SELECT 1 FROM pg_roles WHERE rolname = :name", role):
        run(connection, "ALTER ROLE {role} NOLOGIN", role=role)


def cut_off(connection: sqlalchemy.Connection, role: str) -> None:
    """End the role's sessions. Only the role itself may, so the operator acts as it."""
    sessions = "SELECT 1 FROM pg_stat_activity WHERE usename = :name"
    if not exists(connection, sessions, role):
        return
    if server_version(connection) < 160_000:
        run(connection, "GRANT {role} TO CURRENT_USER", role=role)
    run(connection, "SET LOCAL ROLE {role}", role=role)
    connection.execute(
        text("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = :role"), {"role": role}
    )


def drop(connection: sqlalchemy.Connection, tenant: Tenant, role: str) -> None:
    """Schema and role, as far as they are there."""
    found = _schema(connection, tenant)
    if found is not None:
        run(connection, "DROP SCHEMA {schema} CASCADE", schema=tenant.schema)
    if not exists(connection, "SELECT 1 FROM pg_roles WHERE rolname = :name", role):
        return
    database = connection.execute(text("SELECT current_database()")).scalar_one()
    run(connection, "REVOKE ALL ON DATABASE {database} FROM {role}", database=database, role=role)
    run(connection, "DROP ROLE {role}", role=role)


def is_ready(engine: sqlalchemy.Engine, tenant: Tenant) -> bool:
    """Whether everything is as this program makes it."""
    with storage_errors(engine), engine.begin() as connection:
        found = _schema(connection, tenant)
        note = read_note(found["note"]) if found is not None and found["owned"] else {}
        return (
            note.get("uid") == tenant.namespace_uid
            and note.get("ready") == _READY
            and _settings(connection, role_of(tenant)) == {"search_path": tenant.schema, **_SETTINGS}
        )


def read_note(note: str | None) -> dict[str, Any]:
    """What the schema's comment says; empty when it is not ours."""
    if note is None or not note.startswith(_NOTE):
        return {}
    with contextlib.suppress(ValueError):
        found = json.loads(note.removeprefix(_NOTE))
        if isinstance(found, dict) and {"namespace", "uid"} <= found.keys():
            return found
    return {}


def _let_into_database(connection: sqlalchemy.Connection, role: str) -> None:
    may = text("SELECT has_database_privilege(:role, current_database(), 'CONNECT'), current_database()")
    allowed, database = connection.execute(may, {"role": role}).one()
    if allowed:
        return
    with needs_right():
        run(connection, "GRANT CONNECT ON DATABASE {database} TO {role}", database=database, role=role)
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
        run(connection, "REVOKE ALL ON SCHEMA public FROM PUBLIC")
    elif found.writable:
        raise StorageError(
            "every login may create objects in schema public of this database, so no namespace is on its own; an "
            "administrator can run: REVOKE CREATE ON SCHEMA public FROM PUBLIC"
        )


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


def _settings(connection: sqlalchemy.Connection, role: str) -> dict[str, str]:
    """What the role's sessions begin with; the role itself may change that, as any role may."""
    statement = text("SELECT unnest(rolconfig) FROM pg_roles WHERE rolname = :role AND rolcanlogin")
    return dict(setting.split("=", 1) for setting in connection.execute(statement, {"role": role}).scalars())


def _note(connection: sqlalchemy.Connection, tenant: Tenant, *, ready: str | None) -> None:
    """Names are cut, so the schema's comment says whose it is in full, and for which program it is ready."""
    note = _NOTE + json.dumps({"namespace": tenant.namespace, "uid": tenant.namespace_uid, "ready": ready})
    comment = sql.SQL("COMMENT ON SCHEMA {} IS {}").format(sql.Identifier(tenant.schema), sql.Literal(note))
    connection.execution_options(no_parameters=True).exec_driver_sql(comment.as_string(driver_of(connection)))
