"""``corebound export``: the best network of a trial as files."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import click

from corebound.cli.genomes import asked_of_worker, genome_of, is_exported, is_torchscript, replay_words
from corebound.cli.options import Reply, epilog, opened_ledger, reply_options, storage_option
from corebound.cli.slots import row_of


@click.command(
    epilog=epilog(
        examples=[
            "corebound export pole-balancing",
            "corebound export pole-balancing 3 -o champion.json",
            "corebound export pole-balancing 3 -o champion.json --no-torchscript",
        ],
        statuses={0: "written"},
    )
)
@click.argument("name")
@click.argument("slot", type=int, required=False)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="JSON file (default: NAME-SLOT.json).")
@click.option(
    "--torchscript/--no-torchscript", default=True, help="Write it for torch.jit.load, too (default), as .pt."
)
@reply_options
@storage_option
def export(
    *, name: str, slot: int | None, output: Path | None, torchscript: bool, reply: Reply, storage: str | None
) -> None:
    """Write the best network in SLOT of campaign NAME (default: the best slot) as JSON and as TorchScript.

    The JSON file holds its nodes, connections, task and fitness, weights to the last bit; corebound replay runs it again.
    Files that were exported of the same slot earlier are replaced, no other file ever is.
    """
    from corebound.api.genome import to_json
    from corebound.reporting.files import in_place_of, takes_place

    if output is not None and torchscript:
        _check_apart(output)
    with opened_ledger(storage, application="corebound-export") as ledger:
        campaign = ledger.campaigns.get(name)
        row = row_of(ledger, campaign, slot)
    genome = genome_of(campaign, row)
    origin = {"campaign": name, "slot": row.slot}
    path = output if output is not None else Path(f"{name}-{row.slot}.json")
    kinds = {path: is_exported} | ({path.with_suffix(".pt"): is_torchscript} if torchscript else {})
    called = f"export of {name}, slot {row.slot}"
    # All are looked at before the first is written.
    replaced = [
        each
        for each, is_own in kinds.items()
        if takes_place(each, is_earlier=partial(is_own, origin=origin), called=called)
    ]
    with in_place_of(path) as making:
        making.write_text(json.dumps({**to_json(genome), **origin}, indent=1) + "\n", encoding="utf-8")
    if torchscript:
        with in_place_of(path.with_suffix(".pt")) as making:
            asked_of_worker("torchscript", str(path), str(making))
    found = {"written": [*map(str, kinds)], "replaced": [*map(str, replaced)], **origin, "fitness": genome.fitness}
    size = (
        f"{len(genome.hidden)} hidden nodes, {sum(genome.connections.enabled)} connections, fitness {genome.fitness:g}"
    )
    said = {"wrote": [each for each in kinds if each not in replaced], "replaced": replaced}
    files = ", ".join(f"{word} {' and '.join(map(str, each))}" for word, each in said.items() if each)
    lines = [f"{files}: {size}", f"run it again with: {replay_words(path, genome, campaign)}"]
    reply.outcome(found, lines, short=[*map(str, kinds)])


def _check_apart(output: Path) -> None:
    from corebound.api.errors import UsageError

    if output.with_suffix(".pt") == output:
        raise UsageError(
            f"found -o {output}, expected the name of the JSON file; the TorchScript is put beside it as .pt"
        )
