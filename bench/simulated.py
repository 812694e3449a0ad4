"""Simulated workers: threads in a few processes, each with its own connections, doing trials of no work.

One process per core, so that the client's interpreter lock limits neither side. What flows out is a rate, and the CPU time of
the clients. What could go wrong: processes that start at different times; all wait for one moment, and only the time that
all of them were at it counts.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from corebound.api.records import CampaignRecord
    from corebound.ledger.ledger import Ledger

PARAMETERS = 5


@dataclass(frozen=True)
class Rate:
    """What many workers did together."""

    done: int
    seconds: float
    client_cpu_seconds: float

    @property
    def per_second(self) -> float:
        return self.done / self.seconds


def make_campaign(ledger: Ledger, *, name: str, trials: int) -> CampaignRecord:
    """A prepared campaign whose slots nobody works on."""
    record = ledger.campaigns.create(
        name=name,
        specification={"spec": {"objectives": [{"metric": "value", "direction": "minimize"}]}},
        trials=trials,
        directions=["minimize"],
        metric_names=["value"],
        retries=2,
        retry_exceptions=False,
    )
    ledger.campaigns.begin(record.campaign_id, threads=1, workers=1)
    return ledger.campaigns.get(name)


def together(worker: Callable[..., int], *arguments: Any, workers: int) -> Rate:
    """``worker(*arguments, index)`` on so many threads in all; each returns how many it has done."""
    processes = min(len(os.sched_getaffinity(0)), workers)
    context = multiprocessing.get_context("spawn")
    ready = context.Barrier(processes)
    answers: Any = context.Queue()
    shares = [workers // processes + (index < workers % processes) for index in range(processes)]
    started = [
        context.Process(target=_process, args=(worker, arguments, sum(shares[:index]), share, ready, answers))
        for index, share in enumerate(shares)
    ]
    for process in started:
        process.start()
    found = [answers.get(timeout=600) for _ in started]
    for process in started:
        process.join()
    begun, ended = min(each[1] for each in found), max(each[2] for each in found)
    return Rate(sum(each[0] for each in found), ended - begun, sum(each[3] for each in found))


def _process(
    worker: Callable[..., int], arguments: tuple[Any, ...], first: int, share: int, ready: Any, answers: Any
) -> None:
    done = [0] * share
    connected = threading.Barrier(share + 1)

    def run(index: int) -> None:
        done[index] = worker(*arguments, first + index, connected)

    threads = [threading.Thread(target=run, args=(index,)) for index in range(share)]
    for thread in threads:
        thread.start()
    ready.wait(timeout=300)
    cpu, began = time.process_time(), time.monotonic()
    connected.wait(timeout=300)
    for thread in threads:
        thread.join()
    answers.put((sum(done), began, time.monotonic(), time.process_time() - cpu))


def claim_and_close(url: str, name: str, index: int, connected: threading.Barrier) -> int:
    """Claims and closes slots of no trial until none is left."""
    from corebound.ledger.ledger import open_ledger

    with open_ledger(url, application="bench") as ledger:
        record = ledger.campaigns.get(name)
        worker = ledger.workers.register(
            record.campaign_id, name=f"w{index}", host="here", pid=index, threads=1, cores=""
        )
        connected.wait(timeout=300)
        done = 0
        while (claim := ledger.slots.claim(record.campaign_id, worker)) is not None:
            ledger.slots.close(claim, cpu_seconds=0.0)
            done += 1
    return done


def whole_trials(url: str, name: str, sampler: str, index: int, connected: threading.Barrier) -> int:
    """What a Corebound worker does for a trial of no work, until no slot is left."""
    import optuna

    from corebound.ledger.ledger import open_ledger
    from corebound.ledger.storage import CampaignStorage

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with open_ledger(url, application="bench") as ledger:
        record = ledger.campaigns.get(name)
        worker = ledger.workers.register(
            record.campaign_id, name=f"w{index}", host="here", pid=index, threads=1, cores=""
        )
        storage = CampaignStorage(url)
        connected.wait(timeout=300)
        done = 0
        while (claim := ledger.slots.claim(record.campaign_id, worker)) is not None:
            storage.bind(claim)
            study = optuna.load_study(
                study_name=record.study_name, storage=storage, sampler=_sampler(sampler, claim.slot)
            )
            trial_id = storage.create_trial(claim, study_id=record.study_id, fixed_params={})
            trial = optuna.Trial(study, trial_id)
            study.tell(trial, sum(trial.suggest_float(f"x{each}", 0, 1) for each in range(PARAMETERS)))
            ledger.slots.close(claim, cpu_seconds=0.0)
            done += 1
        storage.close()
    return done


def optuna_trials(url: str, name: str, sampler: str, trials: int, index: int, connected: threading.Barrier) -> int:
    """The same trials by Optuna's own ask, suggest and tell; ``trials`` is this worker's share."""
    import optuna

    from corebound.ledger.connection import database_url, engine_options

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = optuna.storages.RDBStorage(
        url,
        engine_kwargs=engine_options(database_url(url), connections=1, application="bench"),
        skip_table_creation=True,
        skip_compatibility_check=True,
    )
    study = optuna.load_study(study_name=name, storage=storage, sampler=_sampler(sampler, index))
    connected.wait(timeout=300)
    for _ in range(trials):
        trial = study.ask()
        study.tell(trial, sum(trial.suggest_float(f"x{each}", 0, 1) for each in range(PARAMETERS)))
    storage.remove_session()
    storage.engine.dispose()
    return trials


def _sampler(name: str, seed: int) -> Any:
    import optuna

    if name == "tpe":
        return optuna.samplers.TPESampler(seed=seed)
    return optuna.samplers.RandomSampler(seed=seed)
