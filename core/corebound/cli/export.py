"""``corebound export``: the best network of a trial as files."""

from __future__ import annotations

import json
from pathlib import Path

import click

from corebound.cli.genomes import asked_of_worker, genome_of, row_of, write_new
from corebound.cli.options import Reply, epilog, opened_ledger, reply_options, storage_option


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
    """
    from corebound.api.errors import UsageError
    from corebound.api.genome import to_json

    if output is not None and torchscript:
        beside = output.with_suffix(".pt")
        if beside == output:
            raise UsageError(
                f"found -o {output}, expected the name of the JSON file; the TorchScript is put beside it as .pt"
            )
        if beside.exists():
            raise UsageError(
                f"{beside} is there already, and the TorchScript would replace it; move it, or name another -o"
            )
    with opened_ledger(storage, application="corebound-export") as ledger:
        campaign = ledger.campaigns.get(name)
        row = row_of(ledger, campaign, slot)
    genome = genome_of(campaign, row)
    path = output if output is not None else Path(f"{name}-{row.slot}.json")
    write_new(path, json.dumps(to_json(genome), indent=1) + "\n", over=output is None)
    written = [path]
    if torchscript:
        written.append(path.with_suffix(".pt"))
        asked_of_worker("torchscript", str(path), str(written[-1]))
    found = {"written": [str(each) for each in written], "campaign": name, "slot": row.slot, "fitness": genome.fitness}
    size = (
        f"{len(genome.hidden)} hidden nodes, {sum(genome.connections.enabled)} connections, fitness {genome.fitness:g}"
    )
    lines = [f"wrote {' and '.join(map(str, written))}: {size}", f"run it again with: corebound replay {path}"]
    reply.outcome(found, lines, short=[str(each) for each in written])
