"""docs/failures.md: each row names tests that there are, and only reasons and exit statuses that there are."""

from __future__ import annotations

import re

import pytest

from corebound.api.reasons import ClusterWord, ReasonWord
from corebound.api.records import Phase
from corebound.api.status import ConditionType

from .pages import missing, rows
from .test_statuses import numbers
from .test_statuses import rows as rows_below

ROWS = rows("failures.md")
WORD = re.compile(r"`((?:OOM|[A-Z][a-z]+)(?:[A-Z][A-Za-z]*)?)`")
STATUSES = {status for cells in rows_below("Exit statuses") for status in numbers(cells[0])}
NO_FAILURE = {
    ReasonWord.SPEC_ACCEPTED,
    ReasonWord.LEDGER_READY,
    ReasonWord.NOT_ASKED,
    ReasonWord.WORKERS_RUNNING,
    ReasonWord.STARTING,
    ReasonWord.NOT_ACCEPTED,
    ReasonWord.NOT_CHECKED_YET,
    ReasonWord.CHECKED_BY_EACH_WORKER,
    ReasonWord.ALL_TRIALS_CLOSED,
    ReasonWord.TARGET_REACHED,
    ReasonWord.STOPPED_BY_OBJECTIVE,
    ReasonWord.SUSPENDED_BY_SPEC,
    ReasonWord.OBJECT_DELETED,
    ReasonWord.REPLACED,
}
"""What is no failure, or says only that another condition has one."""
OF_EVENTS_AND_PHASES = {word for word in ReasonWord if word.meaning.startswith("Event: ") or word.startswith("Is")}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_row_names_what_there_is(row: list[str]) -> None:
    happens, seen, to_do, tests = row
    assert happens and seen and to_do
    assert re.search("`test_", tests), "found no test, expected those that show it"
    assert missing(tests) == []
    known = {*ReasonWord, *ClusterWord, *ConditionType, *Phase}
    assert set(WORD.findall(seen)) - known == set(), "found words that are no reason (corebound/api/reasons.py)"
    named = {int(status) for status in re.findall(r"(?:status|with) (\d+)", seen)}
    assert named <= STATUSES


def test_each_failure_is_on_the_page() -> None:
    told = {word for row in ROWS for word in WORD.findall(row[1])}
    assert set(ReasonWord) - told - NO_FAILURE - OF_EVENTS_AND_PHASES == set()


def test_words_are_seen_as_words() -> None:
    text = "`OOMKilled`, `StorageReady`, `Failed`; `trial.memory`, `COREBOUND_HOME`"
    assert WORD.findall(text) == ["OOMKilled", "StorageReady", "Failed"]
