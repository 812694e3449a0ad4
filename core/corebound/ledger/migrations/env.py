"""Run by Alembic: the connection is handed over by :func:`corebound.ledger.schema.prepare_database`."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], version_table="corebound_alembic_version")
with context.begin_transaction():
    context.run_migrations()
