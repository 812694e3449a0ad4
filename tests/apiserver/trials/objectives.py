"""Objectives as a user's image would hold them."""

from __future__ import annotations

import atexit
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from corebound_trial.objectives.protocol import Stopped

if TYPE_CHECKING:
    import optuna

_LEAVES_LATE: list[Any] = []


def quick(trial: optuna.Trial) -> float:
    x = trial.suggest_float("x", -1, 1)
    return x * x


def leaves_late(trial: optuna.Trial) -> float:
    """Its worker stays for a while after the last trial."""
    if not _LEAVES_LATE:
        _LEAVES_LATE.append(atexit.register(time.sleep, 4.0))
    return quick(trial)


def steps(trial: optuna.Trial, context: Any, seconds: float = 10.0) -> float:
    """Ten steps a second, a checkpoint at each; stops when it is asked to."""
    x = trial.suggest_float("x", -1, 1)
    state = context.load() or {"step": 0}
    trial.set_user_attr("began_at", state["step"])
    for step in range(state["step"], int(seconds * 10)):
        if context.should_stop():
            raise Stopped
        trial.report(x * x + step, step)
        time.sleep(0.1)
        context.save({"step": step + 1}, step + 1)
    return x * x


def first_is_long(trial: optuna.Trial, context: Any, flag: str) -> float:
    """Slot 0 waits for a file; the others end at once."""
    while context.slot == 0 and not Path(flag).exists():
        _rest(context)
    return float(context.slot)


def until(trial: optuna.Trial, context: Any, flag: str) -> float:
    """Waits for a file."""
    while not Path(flag).exists():
        _rest(context)
    return float(context.slot)


def heedless(trial: optuna.Trial, context: Any, flag: str) -> float:
    """Waits for a file, also when it is asked to stop."""
    while not Path(flag).exists():
        time.sleep(0.05)
    return float(context.slot)


def talks(trial: optuna.Trial, context: Any, flag: str | None = None) -> float:
    """Says which slot it is, waits for a file, and says that it is done; the last line has no end."""
    print(f"here is slot {context.slot}, attempt {context.attempt}")
    while flag is not None and context.slot == 1 and not Path(flag).exists():
        _rest(context)
    print(f"slot {context.slot} is done", end="")
    return float(context.slot)


def stumbles(trial: optuna.Trial, flag: str) -> float:
    """Is killed in its first attempt, in the middle of a line."""
    if not Path(flag).exists():
        Path(flag).touch()
        print("first", end="", flush=True)
        os.kill(os.getpid(), 9)
    print("second")
    return 0.0


def _rest(context: Any) -> None:
    if context.should_stop():
        raise Stopped
    time.sleep(0.1)


def raises(trial: optuna.Trial) -> float:
    raise ValueError("no data for Zoë in /data")


def dies(trial: optuna.Trial) -> float:
    os.kill(os.getpid(), 9)
    return 0.0


def breaks_contract(trial: optuna.Trial) -> float:
    """Three threads at work where one was promised."""
    import threading
    import zlib

    data = os.urandom(2_000_000)
    over = time.monotonic() + 60

    def work() -> None:
        while time.monotonic() < over:
            zlib.compress(data)  # without the interpreter's lock

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return 0.0


def declared(trial: optuna.Trial) -> float:
    """The parameters are those of the campaign; the environment arrived as it was written."""
    assert os.environ["GREETING"] == "Grüße, 世界"
    return float(len(str(next(iter(trial.params.values())))))
