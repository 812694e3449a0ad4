"""``corebound replay``: an exported network once more on its task."""

from __future__ import annotations

from pathlib import Path

import click

from corebound.cli.genomes import asked_of_worker, read_genome
from corebound.cli.options import Reply, epilog, reply_options

DIFFERS_STATUS = 1


@click.command(
    epilog=epilog(
        examples=["corebound replay pole-balancing-3.json", "corebound replay walker-0.json --folder ../walker"],
        statuses={
            0: "the same fitness to the last bit",
            DIFFERS_STATUS: "another fitness, or the task failed",
            2: "FILE or its task is not there",
        },
    )
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--folder", type=click.Path(path_type=Path), help="Where a task of your own is searched (default: here).")
@reply_options
def replay(*, file: Path, folder: Path | None, reply: Reply) -> None:
    """Run the network in FILE, which corebound export wrote, on its task again, and compare its fitness.

    The last bits may differ on another kind of CPU or with another version of torch.
    """
    from corebound.api.errors import NotThereError

    genome = read_genome(file)
    place = (folder or Path.cwd()).absolute()
    try:
        answer = asked_of_worker("replay", str(file), str(place))
    except NotThereError as error:
        if ":" not in genome.task:
            raise
        raise NotThereError(f"{error}; name that folder with --folder (searched was {place})") from error
    same = answer["fitness"] == genome.fitness
    said = "the same to the last bit" if same else "another CPU, version or task than it was found with?"
    lines = [
        f"{genome.task}: fitness {answer['fitness']!r}, {said}",
        *([] if same else [f"kept was {genome.fitness!r}"]),
    ]
    found = {"task": genome.task, "fitness": answer["fitness"], "kept": genome.fitness, "same": same}
    reply.outcome({**found, "machine": answer["machine"]}, lines)
    if not same:
        raise click.exceptions.Exit(DIFFERS_STATUS)
