"""Databases that hold what others have made: refused with what to do, and left as they are to the last row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import optuna
import psycopg
import pytest

from corebound.api.errors import CampaignConflictError, SchemaMismatchError, UnknownCampaignError
from corebound.ledger.ledger import Ledger, open_ledger
from corebound.ledger.schema import LEDGER_REVISION, OPTUNA_REVISION, prepare_database

if TYPE_CHECKING:
    from collections.abc import Callable


def execute(url: str, *statements: str) -> None:
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        for statement in statements:
            connection.execute(statement)


def contents(url: str) -> dict[str, Any]:
    """Everything in the database: each relation's columns, triggers, indexes and rows."""
    with psycopg.connect(url.replace("+psycopg", "")) as connection:

        def rows(statement: str) -> list[Any]:
            return connection.execute(statement).fetchall()

        tables = [name for (name,) in rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")]
        return {
            "columns": rows(
                "SELECT table_name, column_name, data_type FROM information_schema.columns "
                "WHERE table_schema = 'public' ORDER BY 1, 2"
            ),
            "indexes": rows("SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1"),
            "triggers": rows(
                "SELECT tgrelid::regclass::text, tgname FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1, 2"
            ),
            "functions": rows("SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace ORDER BY 1"),
            **{table: rows(f'TABLE "{table}" ORDER BY 1') for table in tables},
        }


def optuna_made(url: str, *, study: str) -> None:
    """What a user of Optuna has before Corebound comes."""
    storage = optuna.storages.RDBStorage(url)
    made = optuna.create_study(storage=storage, study_name=study)
    made.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=3)
    storage.remove_session()
    storage.engine.dispose()


def make(ledger: Ledger, name: str) -> None:
    ledger.campaigns.create(
        name=name, specification={}, trials=3, directions=["maximize", "minimize"], metric_names=["a", "b"], retries=0,
        retry_exceptions=False,
    )  # fmt: skip


def by_optuna(url: str) -> None:
    optuna_made(url, study="mine")


def by_an_older_optuna(url: str) -> None:
    optuna_made(url, study="mine")
    execute(url, "UPDATE alembic_version SET version_num = 'v2.6.0.a'")


def by_a_newer_corebound(url: str) -> None:
    prepare_database(url)
    execute(url, "UPDATE corebound_alembic_version SET version_num = '0999'")


def by_a_corebound_without_optuna(url: str) -> None:
    prepare_database(url)
    execute(url, "DROP TABLE alembic_version")


def by_an_application(url: str) -> None:
    execute(url, "CREATE TABLE trials (patient text)", "INSERT INTO trials VALUES ('Ada')")


def by_an_application_like_ours(url: str) -> None:
    execute(url, "CREATE TABLE corebound_slots (mine integer)")


def like_optunas_without_its_version(url: str) -> None:
    optuna_made(url, study="mine")
    execute(url, "DROP TABLE alembic_version")


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (by_optuna, "Optuna's tables with studies in them.*--storage.*--share-database"),
        (by_an_older_optuna, f"Optuna's schema v2.6.0.a and ledger not at all, this program knows {OPTUNA_REVISION}"),
        (by_a_newer_corebound, f"ledger 0999, this program knows {OPTUNA_REVISION} and {LEDGER_REVISION}"),
        (by_a_corebound_without_optuna, "Optuna's schema not at all and ledger"),
        (by_an_application, r"names of Optuna's \(trials ...\) that Optuna has not made.*--storage"),
        (by_an_application_like_ours, "a table corebound_slots but no ledger.*--storage"),
        (like_optunas_without_its_version, "that Optuna has not made"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_others_made_is_refused_and_stays(empty_url: str, made: Callable[[str], None], said: str) -> None:
    made(empty_url)
    before = contents(empty_url)
    with pytest.raises(SchemaMismatchError, match=said):
        prepare_database(empty_url)
    with pytest.raises((SchemaMismatchError, UnknownCampaignError)):
        open_ledger(empty_url, application="test")
    assert contents(empty_url) == before


def test_a_first_start_that_was_cut_short_is_taken_up(empty_url: str) -> None:
    storage = optuna.storages.RDBStorage(empty_url)
    storage.engine.dispose()
    execute(empty_url, "DROP TABLE alembic_version", "DELETE FROM version_info")
    prepare_database(empty_url)
    open_ledger(empty_url, application="test").close()


def test_a_shared_database_keeps_the_users_studies_as_they_are(empty_url: str) -> None:
    by_optuna(empty_url)
    before = contents(empty_url)
    prepare_database(empty_url, share=True)
    with open_ledger(empty_url, application="test") as ledger:
        with pytest.raises(
            CampaignConflictError, match=r"a study 'mine' with 3 trials that was not made by a campaign.*warmStart"
        ):
            make(ledger, "mine")
        assert ledger.campaigns.all() == []
        make(ledger, "ours")
    after = contents(empty_url)
    ours = optuna.load_study(study_name="ours", storage=empty_url)
    assert [direction.name for direction in ours.directions] == ["MAXIMIZE", "MINIMIZE"]
    assert ours.metric_names == ["a", "b"]
    optuna_made(empty_url, study="another")  # a user goes on as before
    for table in ("trials", "trial_params", "trial_values", "trial_user_attributes", "trial_system_attributes"):
        assert after[table] == before[table]
    assert [row for row in after["studies"] if row[1] == "mine"] == before["studies"]
    again = optuna.load_study(study_name="mine", storage=empty_url)
    again.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=1)
    assert len(again.trials) == 4
    for study in (ours, again):
        study._storage.remove_session()
        study._storage._backend.engine.dispose()
