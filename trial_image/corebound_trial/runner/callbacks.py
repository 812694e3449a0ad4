"""``trial.callbacks``: Optuna's callbacks, called in the child once the slot of their trial is closed.

They run outside every attempt: what they do wrong is printed and harms no trial. What could go wrong: one that raises (the
next is called all the same), hangs or ends the process (the parent sees to it), or cannot be loaded (each trial says why).
"""

from __future__ import annotations

import inspect
import sys
from typing import TYPE_CHECKING, Any

from corebound.api.errors import ObjectiveError
from corebound_trial.objectives.entrypoint import load_function, user_traceback

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import optuna

    from corebound.ledger.storage import CampaignStorage

    Callback = Callable[[optuna.Study, optuna.trial.FrozenTrial], Any]


def load_callbacks(names: Sequence[str], *, folder: Path) -> list[Callback]:
    """Functions, or classes that are made once per worker. Raises :class:`ObjectiveError`."""
    return [_load_callback(name, folder=folder) for name in names]


def _load_callback(name: str, *, folder: Path) -> Callback:
    found = load_function(name, folder=folder)
    if inspect.isclass(found):
        try:
            found = found()
        except (Exception, SystemExit) as error:
            raise ObjectiveError(
                f"the callback {name} could not be made, it raised:\n{user_traceback(error)}"
            ) from error
    try:
        inspect.signature(found).bind(None, None)
    except TypeError as error:
        raise ObjectiveError(
            f"the callback {name} cannot be called: {error}; expected a function of (study, trial), as Optuna's"
        ) from error
    except ValueError:
        pass  # written in C without a signature: the call itself will tell
    callback: Callback = found
    return callback


def call_back(callbacks: Sequence[Callback], *, storage: CampaignStorage, study_name: str, trial_id: int) -> bool:
    """Call each with the study and the finished trial; whether one of them called ``study.stop()``."""
    import optuna

    storage.bind(None)
    study = optuna.load_study(study_name=study_name, storage=storage)
    # Optuna allows study.stop() only inside optimize().
    study._thread_local.in_optimize_loop = True
    for callback in callbacks:
        try:
            callback(study, storage.get_trial(trial_id))
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a user's code raises
            name = getattr(callback, "__qualname__", type(callback).__qualname__)
            sys.stderr.write(
                f"corebound: the callback {name} raised, which changes nothing:\n{user_traceback(error)}\n"
            )
    return bool(study._stop_flag)
