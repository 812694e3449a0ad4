"""From a campaign to a file that reads back as the same campaign.

What could go wrong: PyYAML writes texts without quotes that kubectl reads as something else, such as ``1e5`` or ``y``;
here a text is written without quotes only where it is read as a text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from corebound.api.scalars import plain_scalar

if TYPE_CHECKING:
    from corebound.api.spec import SearchCampaign


class _Dumper(yaml.SafeDumper):
    """PyYAML with quotes where kubectl's reader needs them."""

    def ignore_aliases(self, data: object) -> bool:
        """No ``&id001`` for the same value twice."""
        del data
        return True


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    plain = isinstance(plain_scalar(text), str) and text.isprintable() and text != "<<"
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if plain else '"')


_Dumper.add_representer(str, _text)


def campaign_yaml(campaign: SearchCampaign) -> str:
    """The campaign's file, without what is left at its default."""
    return yaml_text(campaign.to_mapping())


def yaml_text(value: dict[str, Any]) -> str:
    """Any JSON value that kubectl shall read back as it is."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
