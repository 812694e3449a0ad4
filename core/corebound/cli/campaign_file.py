"""A campaign that was described by options, as a file (``--write-yaml``), or on standard output for ``-``.

What could go wrong: a file that is there already, or a folder from which its entry point would not be found.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from corebound.api.spec import SearchCampaign
    from corebound.cli.options import Reply


def written(campaign: SearchCampaign, path: Path, reply: Reply) -> None:
    """The campaign as a file, never over another one; on standard output it is all that is there."""
    from pathlib import Path

    import click

    from corebound.api.errors import UsageError
    from corebound.api.loading import STANDARD
    from corebound.api.writing import campaign_yaml

    if path == STANDARD:
        if reply.as_json:
            raise UsageError("--json says where the file is, but none is written here; leave one of them out")
        click.echo(campaign_yaml(campaign), nl=False)
        return
    if path.absolute().parent != Path.cwd():
        raise UsageError(
            f"{path} is in another folder, but entry points are searched from the file's own; write it here"
        )
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(campaign_yaml(campaign))
    except FileExistsError as error:
        raise UsageError(f"{path} exists already; choose a new file") from error
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from error
    lines = [f"wrote {path}; run it with: corebound run -f {path}"]
    reply.outcome({"written": str(path), "campaign": campaign.metadata.name}, lines, short=[str(path)])
