"""The one tree of errors.

Every error a user can cause, or can do something about, is a :class:`CoreboundError`. Its text says what was found, what
was expected and what to do next; the command line prints it on one place (``cli/main.py``) and exits with ``exit_code``.
Anything else that escapes is a defect of ours and is shown with its stack.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from corebound.api.reasons import ReasonWord


class CoreboundError(Exception):
    """Base of all errors that are shown to a user without a stack trace."""

    exit_code: ClassVar[int] = 1
    refusal_reason: ClassVar[ReasonWord | None] = None
    """Why a campaign fails at once if one of its workers ends with this; None where it does not."""

    @property
    def last_line(self) -> str:
        """What a worker leaves behind: the reason, if there is one, and the text."""
        return f"{self.refusal_reason}: {self}" if self.refusal_reason else str(self)


class UsageError(CoreboundError):
    """The command line asks for something that does not exist or cannot be combined."""

    exit_code = 2


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing wrong in a campaign file: where it is, and what was found, expected and suggested."""

    message: str
    field: str = ""
    file: str = ""
    line: int | None = None

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return ": ".join(part for part in (place, self.field, self.message) if part)


class SpecError(CoreboundError):
    """A campaign that cannot be accepted; carries all its problems at once."""

    exit_code = 2

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__("\n".join(str(problem) for problem in problems))


class PlanError(CoreboundError):
    """Threads, workers or memory that do not fit the pool."""

    exit_code = 2


class StorageError(CoreboundError):
    """The database cannot be used: unreachable, refused, or not ours."""


class StorageUnreachableError(StorageError):
    """No answer from the database within the grace; trying again later may help (a worker exits 75)."""

    exit_code = 75


class SchemaMismatchError(StorageError):
    """The ledger or Optuna schema is of a version that this program does not know (a worker exits 78)."""

    exit_code = 78
    refusal_reason = ReasonWord.SCHEMA_MISMATCH


class CampaignConflictError(CoreboundError):
    """The campaign exists already in a form that contradicts what was asked, or somebody else runs it."""

    exit_code = 2


class UnknownCampaignError(CoreboundError):
    """No campaign or slot of that name in the ledger."""

    exit_code = 2


class WarmStartError(CoreboundError):
    """The study to start from is not there, or nothing of it fits this campaign."""

    exit_code = 2


class MissingRequirementError(CoreboundError):
    """The campaign needs a package that is not installed here (a worker exits 78)."""

    exit_code = 2
    refusal_reason = ReasonWord.MISSING_REQUIREMENT


class FencedError(CoreboundError):
    """This worker's attempt at a slot has been superseded; nothing of it was or will be written."""


class ThreadContractError(CoreboundError):
    """What a worker was told about its threads is not what it finds (exit 78)."""

    exit_code = 78
    refusal_reason = ReasonWord.THREAD_CONTRACT_BROKEN


class ObjectiveError(CoreboundError):
    """The objective cannot be loaded or returned something that is no result."""


class NotThereError(ObjectiveError):
    """No such file, module, function, class or task as the objective is named by."""

    exit_code = 2


class ClusterError(CoreboundError):
    """Kubernetes could not do what was asked."""


class ClusterUnreachableError(ClusterError):
    """The API server does not answer, or is not configured; trying again later may help."""

    exit_code = 75


class ClusterRefusedError(ClusterError):
    """The API server refused: no such object, no right to it, or an object that it does not accept."""

    def __init__(
        self, message: str, *, status: int, reason: str, said: str = "", causes: tuple[Problem, ...] = ()
    ) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.said = said
        """The server's own words."""
        self.causes = causes
        """The fields that it refuses, each with its words."""


class ClusterConflictError(ClusterRefusedError):
    """Somebody was faster: the name is taken, or the object has changed meanwhile."""


def refusal(last_line: str) -> tuple[ReasonWord, str]:
    """The reason and the text of the last line of a worker that ended with status 78."""
    word, _, text = last_line.partition(": ")
    for error in (SchemaMismatchError, MissingRequirementError, ThreadContractError):
        if error.refusal_reason == word:
            return error.refusal_reason, text
    return ReasonWord.THREAD_CONTRACT_BROKEN, last_line
