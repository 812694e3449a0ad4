"""How the cost of a trial of no work grows with the trials before it and with the workers beside it, and where it goes.

    python bench/growth.py [--trials 100,1000,10000] [--workers 1,8,64] [--measured 40]

A ledger is prepared with so many finished trials; one worker then does some more, and each part of a trial is timed: wall
milliseconds, server included. The first look is what a new worker pays once. Then many workers share out trials of no work.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import optuna

from corebound.api.records import CampaignRecord
from corebound.ledger.ledger import Ledger, open_ledger
from corebound.ledger.schema import prepare_database
from corebound.ledger.storage import CampaignStorage
from corebound.local.postgres import EmbeddedPostgres
from running_trials import fill
from simulated import PARAMETERS, make_campaign, together, whole_trials

PARTS = ("claim", "create", "sample", "tell", "close", "whole trial")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", default="100,1000,10000")
    parser.add_argument("--workers", default="1,8,64")
    parser.add_argument("--measured", type=int, default=40)
    options = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with (
        tempfile.TemporaryDirectory(prefix="corebound-bench-") as folder,
        EmbeddedPostgres(Path(folder)).used(connections=200) as url,
    ):
        prepare_database(url)
        with open_ledger(url, application="bench") as ledger:
            with_trials(ledger, url, [int(each) for each in options.trials.split(",")], options.measured)
            with_workers(ledger, url, [int(each) for each in options.workers.split(",")])


def with_trials(ledger: Ledger, url: str, counts: list[int], measured: int) -> None:
    print("ms of one trial by its parts, median, after so many finished trials")
    print(f"{'sampler':8} {'trials':>7}  {'first look':>10}", *(f"{part:>11}" for part in PARTS), f"{'summary':>8}")
    for count in counts:
        for sampler in ("random", "tpe"):
            record = make_campaign(ledger, name=f"{sampler}-{count}", trials=count + measured)
            fill(url, record, argparse.Namespace(finished=count, running=0, reports=1))
            first, parts = trial_parts(ledger, record, url, sampler, measured)
            began = time.perf_counter()
            ledger.summaries.of(record)
            summary = 1000 * (time.perf_counter() - began)
            medians = (statistics.median(parts[part]) for part in PARTS)
            print(f"{sampler:8} {count:7}  {first:10.0f}", *(f"{each:11.1f}" for each in medians), f"{summary:8.1f}")


def trial_parts(
    ledger: Ledger, record: CampaignRecord, url: str, sampler_name: str, measured: int
) -> tuple[float, dict[str, list[float]]]:
    worker = ledger.workers.register(record.campaign_id, name="w", host="here", pid=1, threads=1, cores="")
    storage = CampaignStorage(url)
    began = time.perf_counter()
    storage.get_all_trials(record.study_id, deepcopy=False)
    first = 1000 * (time.perf_counter() - began)
    parts: dict[str, list[float]] = defaultdict(list)
    sampler = optuna.samplers.TPESampler(seed=1) if sampler_name == "tpe" else optuna.samplers.RandomSampler(seed=1)
    for _ in range(measured):
        marks = [time.perf_counter()]
        claim = ledger.slots.claim(record.campaign_id, worker)
        if claim is None:
            raise SystemExit("no slot is left")
        marks.append(time.perf_counter())
        trial_id = storage.create_trial(claim, study_id=record.study_id, fixed_params={})
        study = optuna.load_study(study_name=record.study_name, storage=storage, sampler=sampler)
        trial = optuna.Trial(study, trial_id)
        marks.append(time.perf_counter())
        value = sum(trial.suggest_float(f"x{index}", 0, 1) for index in range(PARAMETERS))
        marks.append(time.perf_counter())
        study.tell(trial, value)
        marks.append(time.perf_counter())
        ledger.slots.close(claim, cpu_seconds=0.0)
        marks.append(time.perf_counter())
        for part, start, end in zip(PARTS, marks, marks[1:], strict=False):
            parts[part].append(1000 * (end - start))
        parts["whole trial"].append(1000 * (marks[-1] - marks[0]))
    storage.close()
    return first, parts


def with_workers(ledger: Ledger, url: str, counts: list[int]) -> None:
    print("\ntrials of no work a second by so many workers at once")
    for sampler in ("random", "tpe"):
        for workers in counts:
            trials = 100 + 5 * workers
            record = make_campaign(ledger, name=f"{sampler}-by-{workers}", trials=trials)
            rate = together(whole_trials, url, record.name, sampler, workers=workers)
            if rate.done != trials:
                raise SystemExit(f"{rate.done} trials were made for {trials} slots")
            print(
                f"{sampler:8} {workers:4} workers  {rate.per_second:8.1f} a second, "
                f"{1000 * rate.client_cpu_seconds / rate.done:6.1f} ms of client CPU each"
            )


if __name__ == "__main__":
    main()
