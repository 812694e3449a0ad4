"""One schema and one role for each Kubernetes namespace: a worker reaches its own namespace's campaigns and nothing else.

The operator's login owns every object. A tenant's role may log in and read and write the rows of its schema; it can make,
change and drop nothing there, so the fence stays. The login needs CREATEROLE and CREATE on the database, no superuser's
rights. What could go wrong: several operators prepare at once (an advisory lock, and once more when PostgreSQL says
that rows of its catalogue changed meanwhile), the login may not create roles (the error names ``database.isolation:
shared``), a password (it leaves this process as a SCRAM verifier only, and stands in no message).
"""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, Final

import psycopg
from psycopg import sql
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from corebound.api.errors import CampaignConflictError, StorageError
from corebound.ledger import roles
from corebound.ledger.catalogue import (
    SHARED_INSTEAD,
    ChangedMeanwhileError,
    changed_meanwhile,
    composed,
    driver_of,
    in_turn,
    said,
)
from corebound.ledger.connection import (
    NO_POOLER,
    database_url,
    is_refused_login,
    make_engine,
    public_address,
    storage_errors,
)
from corebound.ledger.schema import prepare_database
from corebound.ledger.tenant import Tenant, role_of, tenant_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    import sqlalchemy

_OPERATORS_OWN: Final = ("user", "password", "passfile", "options", "sslcert", "sslkey", "sslpassword")
"""What of an address belongs to the operator's login alone, and would override or betray it in a worker's."""


def prepare_tenant(admin_url: str, *, namespace: str, namespace_uid: str) -> Tenant:
    """The namespace's schema with all tables, and its role without a password; safe to call again, and many times at once.

    Raises :class:`StorageError` when the login of ``admin_url`` may not do that.
    """
    tenant = tenant_of(namespace=namespace, namespace_uid=namespace_uid)
    with _engine(admin_url) as engine:
        is_ready = roles.is_ready(engine, tenant)
        if not is_ready:
            in_turn(engine, lambda connection: roles.create(connection, tenant))
        own_url = operator_url(admin_url, tenant)
        _refuse_pooler(own_url, tenant)
        if not is_ready:
            prepare_database(own_url)
            in_turn(engine, lambda connection: roles.grant(connection, tenant))
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
    role = role_of(tenant)

    def alter(connection: sqlalchemy.Connection) -> None:
        # Through the bare driver: SQLAlchemy would log the statement, and repeat it in its errors.
        driver = driver_of(connection)
        verifier = driver.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256")
        try:
            driver.execute(
                sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(verifier.decode()))
            )
        except psycopg.Error as error:
            if changed_meanwhile(error):
                raise ChangedMeanwhileError from None
            raise StorageError(f"the password of role {role} was not set: {said(error)}") from None

    with _engine(admin_url) as engine:
        in_turn(engine, alter)


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


def check_rights(admin_url: str) -> None:
    """Whether the login may make a schema and a role for a new namespace. Raises :class:`StorageError`."""
    with _engine(admin_url) as engine, storage_errors(engine), engine.begin() as connection:
        rights = (
            connection.execute(
                text("""
                SELECT rolsuper OR rolcreaterole AS "CREATEROLE",
                       has_database_privilege(current_database(), 'CREATE') AS "CREATE on the database"
                FROM pg_roles WHERE rolname = current_user
            """)
            )
            .mappings()
            .one()
        )
    if lacking := [right for right, has in rights.items() if not has]:
        raise StorageError(f"the operator's login has no {' and no '.join(lacking)}: {SHARED_INSTEAD}")


def tenants(admin_url: str) -> list[Tenant]:
    """All tenants of this database that the login may manage, by name."""
    with _engine(admin_url) as engine, storage_errors(engine), engine.begin() as connection:
        rows = connection.execute(
            text("""
                SELECT nspname, obj_description(oid, 'pg_namespace') FROM pg_namespace
                WHERE nspname LIKE 'cb\\_%' AND pg_has_role(nspowner, 'USAGE') ORDER BY nspname
            """)
        ).all()
    noted = [(schema, roles.read_note(note)) for schema, note in rows]
    return [
        Tenant(schema=schema, role=schema, namespace=note["namespace"], namespace_uid=note["uid"])
        for schema, note in noted
        if note
    ]


def drop_tenant(admin_url: str, tenant: Tenant, *, force: bool = False) -> None:
    """Remove the tenant's schema with all its data, and its role; nothing happens when both are gone.

    Raises :class:`CampaignConflictError` while campaigns run, unless ``force``: then its workers are cut off first.
    """
    role = role_of(tenant)
    with _engine(admin_url) as engine:
        running = [] if force else _running(engine, tenant)
        if running:
            raise CampaignConflictError(
                f"namespace {tenant.namespace} has unfinished campaigns in the ledger: {', '.join(running)}; end them "
                "first, or force it"
            )
        in_turn(engine, lambda connection: roles.lock_out(connection, role))
        in_turn(engine, lambda connection: roles.cut_off(connection, role))
        in_turn(engine, lambda connection: roles.drop(connection, tenant, role))


def _refuse_pooler(url: str, tenant: Tenant) -> None:
    """Tables of a session that does not begin with its options would be made in another schema."""
    with _engine(url) as engine, storage_errors(engine), engine.begin() as connection:
        found = connection.execute(text("SELECT current_schema()")).scalar()
        address = public_address(engine.url)
    if found != tenant.schema:
        raise StorageError(f"{address}: a session looks at schema {found}, expected {tenant.schema}: {NO_POOLER}")


def _running(engine: sqlalchemy.Engine, tenant: Tenant) -> list[str]:
    """Names of the campaigns that are not at rest."""
    with storage_errors(engine), engine.begin() as connection:
        table = connection.execute(
            text("SELECT to_regclass(format('%I.corebound_campaigns', cast(:schema AS text)))::text"),
            {"schema": tenant.schema},
        ).scalar()
        if table is None:
            return []
        statement = "SELECT name FROM {schema}.corebound_campaigns WHERE phase IN ('Pending', 'Running')"
        rows = driver_of(connection).execute(composed(statement, schema=tenant.schema)).fetchall()
    return sorted(name for (name,) in rows)


@contextlib.contextmanager
def _engine(url: str) -> Iterator[sqlalchemy.Engine]:
    engine = make_engine(url, connections=1, application="corebound-tenancy")
    try:
        yield engine
    finally:
        engine.dispose()


def _option_value(schema: str) -> str:
    """A schema's name inside a search_path inside a start-up option: each has its own signs."""
    name = schema if re.fullmatch(r"[a-z_][a-z0-9_]*", schema) else '"' + schema.replace('"', '""') + '"'
    return re.sub(r"([\\\s])", r"\\\1", name)
