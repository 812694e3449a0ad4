"""Alembic's folder; its own version table is ``corebound_alembic_version``, since Optuna's sits in the same schema."""
