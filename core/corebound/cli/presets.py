"""``corebound presets``: the campaign files that come with the package."""

from __future__ import annotations

import click

from corebound.cli.options import Reply, epilog, reply_options


@click.command(
    epilog=epilog(
        examples=[
            "corebound presets",
            "corebound presets neat_baseline",
            "corebound presets prod > prod.yaml    # to edit, and corebound run -f prod.yaml",
        ],
        statuses={0: "shown"},
    )
)
@click.argument("name", required=False)
@reply_options
def presets(*, name: str | None, reply: Reply) -> None:
    """List the presets of corebound search and corebound run -c, or print that called NAME."""
    from corebound.api.presets import preset
    from corebound.api.presets import presets as known

    if name is not None:
        found = preset(name)
        reply.outcome({"name": name, "summary": found.summary, "yaml": found.text}, found.text.splitlines())
        return
    listed = known()
    width = max(map(len, listed))
    lines = [f"{each.name:<{width}}  {each.summary}" for each in listed.values()]
    reply.outcome([{"name": each.name, "summary": each.summary} for each in listed.values()], lines, short=list(listed))
