"""``corebound search``: a neuro-evolution search in one line, from a preset and a few numbers."""

from __future__ import annotations

from pathlib import Path

import click

from corebound.cli.campaign_file import written
from corebound.cli.execution import STATUSES, again_words, carry_out
from corebound.cli.options import Reply, epilog, reply_options, storage_option


@click.command(
    epilog=epilog(
        examples=[
            "corebound search prod -m pure -n 100 -g 150 -s 3 -p 500",
            "corebound search poles -m neat -n 40 -w 2",
            "corebound search walk --task walker.py:Walker -g 50",
            "corebound search prod -n 100 --write-yaml prod.yaml",
        ],
        statuses=STATUSES,
    )
)
@click.argument("name")
@click.option("-m", "--mode", help="What evolves: pure (weights) or neat (structure too).")
@click.option("--task", help="Built-in task, or file.py:Class (then its fitness is maximized).")
@click.option("-n", "--trials", type=int, help="Number of trials.")
@click.option("-g", "--generations", type=int, help="Generations of a trial at most.")
@click.option("-s", "--seeds", type=int, help="Independent runs in each trial.")
@click.option("-p", "--population", type=int, help="Networks in each generation of one seed.")
@click.option(
    "-w", "--workers", "-j", "--n-jobs", type=int, help="Trials at a time (default: as many as there are cores)."
)
@click.option("-t", "--threads", type=int, help="Threads of each trial (default: auto).")
@click.option("--limit-threads", is_flag=True, help="Accepted; threads are always limited.")
@click.option("--preset", help="Preset to begin with (default: the one called NAME, else default).")
@click.option(
    "--write-yaml",
    type=click.Path(path_type=Path),
    help="Write the campaign to this file (-: standard output) and end.",
)
@click.option("--fresh", is_flag=True, help="Start a new study; the old one is kept as NAME@1.")
@click.option("--cores", type=int, help="Run as on so many cores, bound to none: for trials that mostly wait.")
@reply_options
@storage_option
def search(
    *,
    name: str,
    mode: str | None,
    task: str | None,
    trials: int | None,
    generations: int | None,
    seeds: int | None,
    population: int | None,
    workers: int | None,
    threads: int | None,
    limit_threads: bool,
    preset: str | None,
    write_yaml: Path | None,
    fresh: bool,
    cores: int | None,
    reply: Reply,
    storage: str | None,
) -> None:
    """Search for the settings with which networks learn a task best, as campaign NAME.

    What no option says is the preset's; corebound presets shows them. Ctrl-C stops the search safely, and the same command
    goes on later; with a larger -n a finished one grows.
    """
    from corebound.api.presets import Wishes, search_of

    wishes = Wishes(
        mode=mode,
        task=task,
        trials=trials,
        generations=generations,
        seeds=seeds,
        population=population,
        workers=workers,
        threads=threads,
    )
    campaign = search_of(name, preset_name=preset, wishes=wishes)
    if limit_threads:
        reply.note("--limit-threads is always on: every trial has as many threads as cores, and is held to it")
    if write_yaml is not None:
        written(campaign, write_yaml, reply)
        return
    carry_out(
        campaign,
        folder=Path.cwd(),
        again=again_words(),
        fresh=fresh,
        cores=cores,
        reply=reply,
        storage=storage,
    )
