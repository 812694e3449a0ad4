"""``corebound run``: a campaign on this machine, from the file to the result table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from corebound.cli.campaign_file import written
from corebound.cli.execution import STATUSES, again_words, carry_out
from corebound.cli.options import Reply, epilog, reply_options, storage_option

if TYPE_CHECKING:
    from collections.abc import Mapping

    from corebound.api.spec import SearchCampaign


@click.command(
    epilog=epilog(
        examples=[
            "corebound run -f examples/pole-balancing.yaml",
            "corebound run train.py:objective -n 100 --direction maximize",
            "corebound run train.py:objective -n 100 --write-yaml campaign.yaml",
            "corebound run train.py:objective --name wide-net",
            "corebound run -c neat_baseline -g 20 -s 1 -p 200",
            "corebound run -f campaign.yaml --fresh --json",
        ],
        statuses=STATUSES,
    )
)
@click.argument("entrypoint", required=False)
@click.option("-f", "--file", type=click.Path(path_type=Path), help="The campaign's YAML file; - reads standard input.")
@click.option("--name", help="With an ENTRYPOINT: the campaign's name (default: made of ENTRYPOINT).")
@click.option("-n", "--trials", type=int, help="With an ENTRYPOINT: number of trials (default 100).")
@click.option("--direction", type=click.Choice(["minimize", "maximize"]), help="With an ENTRYPOINT (default minimize).")
@click.option("-c", "--config", help="One trial with the settings of this preset (corebound presets), no search.")
@click.option("-g", "--generations", type=int, help="With -c: generations at most.")
@click.option("-s", "--seeds", type=int, help="With -c: independent runs.")
@click.option("-p", "--population", type=int, help="With -c: networks in each generation of one seed.")
@click.option("-t", "--threads", type=int, help="With an ENTRYPOINT or -c: threads of each trial (default auto).")
@click.option(
    "--write-yaml",
    type=click.Path(path_type=Path),
    help="With an ENTRYPOINT: write the campaign to this file (-: standard output) and end.",
)
@click.option("--fresh", is_flag=True, help="Start a new study; the old one is kept as NAME@1.")
@click.option(
    "--share-database", is_flag=True, help="Add Corebound's tables to a database that already holds Optuna's studies."
)
@click.option("--cores", type=int, help="Run as on so many cores, bound to none: for trials that mostly wait.")
@reply_options
@storage_option
def run(
    *,
    entrypoint: str | None,
    file: Path | None,
    name: str | None,
    trials: int | None,
    direction: str | None,
    config: str | None,
    generations: int | None,
    seeds: int | None,
    population: int | None,
    threads: int | None,
    write_yaml: Path | None,
    fresh: bool,
    share_database: bool,
    cores: int | None,
    reply: Reply,
    storage: str | None,
) -> None:
    """Run a campaign on this machine, or carry it on where it was.

    The campaign is a file, or an Optuna objective given as ENTRYPOINT (file.py:name or package.module:name), or one trial of
    a preset (-c); its name is then made of that. Ctrl-C stops it safely: trials write a checkpoint, and the same command goes
    on later. A second Ctrl-C ends everything at once. Campaigns that run at once share the machine core by core.
    Each -c that is not to go on with an earlier one has its own number.
    """
    from corebound.api.errors import UsageError
    from corebound.api.loading import load_campaign
    from corebound.api.presets import Wishes, run_of

    of_entrypoint = {"--name": name, "-n": trials, "--direction": direction, "--write-yaml": write_yaml}
    of_config = {"-g": generations, "-s": seeds, "-p": population}
    kind = _kind(entrypoint, file, config)
    _refuse(of_entrypoint, unless=kind == "ENTRYPOINT", owner="an ENTRYPOINT")
    _refuse(of_config, unless=kind == "-c", owner="-c PRESET")
    _refuse({"-t": threads}, unless=kind != "-f", owner="an ENTRYPOINT or -c PRESET")
    if fresh and kind == "-c":
        raise UsageError("--fresh does not go with -c, which begins a run of its own unless one was stopped")
    folder = Path.cwd()
    if file is not None:
        campaign, folder = load_campaign(file), file.absolute().parent
    elif config is not None:
        wishes = Wishes(generations=generations, seeds=seeds, population=population, threads=threads)
        campaign = run_of(config, wishes=wishes)
    else:
        campaign = _of_entrypoint(_normal(str(entrypoint)), name, trials, direction, threads)
    if write_yaml is not None:
        written(campaign, write_yaml, reply)
        return
    carry_out(
        campaign,
        folder=folder,
        again=again_words(),
        fresh=fresh,
        cores=cores,
        reply=reply,
        storage=storage,
        share_database=share_database,
        numbered=kind == "-c",
    )


def _kind(entrypoint: str | None, file: Path | None, config: str | None) -> str:
    from corebound.api.errors import UsageError

    given = [name for name, value in (("ENTRYPOINT", entrypoint), ("-f", file), ("-c", config)) if value is not None]
    if len(given) != 1:
        raise UsageError(
            "expected either -f FILE or an ENTRYPOINT such as train.py:objective, or -c PRESET; see corebound run --help"
        )
    if entrypoint is not None and entrypoint.endswith((".yaml", ".yml", ".json")):
        raise UsageError(
            f"found {entrypoint}, which is a file, expected an ENTRYPOINT; write: corebound run -f {entrypoint}"
        )
    return given[0]


def _refuse(options: Mapping[str, object], *, unless: bool, owner: str) -> None:
    """Options that say nothing here."""
    from corebound.api.errors import UsageError

    found = [name for name, value in options.items() if value is not None]
    if found and not unless:
        raise UsageError(
            f"{' and '.join(found)} {'goes' if len(found) == 1 else 'go'} with {owner}; with -f write it in the file"
        )


def _normal(entrypoint: str) -> str:
    """The same file by its shortest path: ./train.py is train.py, or it would be another campaign's file."""
    import os

    path, colon, function = entrypoint.rpartition(":")
    short = os.path.normpath(path)
    try:
        # Behind a link, folder/.. is another place.
        return f"{short}{colon}{function}" if colon and Path(path).samefile(short) else entrypoint
    except OSError:
        return entrypoint


def _of_entrypoint(
    entrypoint: str, name: str | None, trials: int | None, direction: str | None, threads: int | None
) -> SearchCampaign:
    """The campaign with an Optuna objective and nothing else."""
    from corebound.api.loading import campaign_of
    from corebound.api.names import campaign_name_of

    specification: dict[str, Any] = {
        "trials": 100 if trials is None else trials,
        "objectives": [{"metric": "value", "direction": direction or "minimize"}],
        "trial": {"entrypoint": entrypoint},
    }
    if threads is not None:
        specification["threads"] = threads
    return campaign_of(campaign_name_of(entrypoint) if name is None else name, specification)
