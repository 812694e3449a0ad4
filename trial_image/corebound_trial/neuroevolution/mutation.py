"""Mutations of mode ``neat``: of weights, and of structure with historical markings.

Flows in: children (changed in place) and uniform draws; out: how many structural mutations had to be left out because a
genome has used all its hidden slots. What could go wrong is exactly that, so it is counted and reported.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch

from corebound_trial.neuroevolution.genes import FREE, Genes, Slots

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(kw_only=True)
class Markings:
    """One seed's historical markings: the same structural mutation in one generation gets the same numbers.

    As published, the memory is one generation long (``forget``), so that only the two counters are state.
    """

    innovation: int
    """The next connection's number."""
    node: int
    """The next hidden node's number; inputs, bias and outputs are numbered by their slots below."""
    _links: dict[tuple[int, int], int] = field(default_factory=dict)
    _splits: dict[int, tuple[int, int]] = field(default_factory=dict)

    def forget(self) -> None:
        """A new generation begins."""
        self._links.clear()
        self._splits.clear()

    def link(self, source: int, target: int) -> int:
        """The innovation of a connection between two nodes."""
        if (source, target) not in self._links:
            self._links[source, target] = self.innovation
            self.innovation += 1
        return self._links[source, target]

    def split(self, innovation: int) -> tuple[int, int]:
        """The new node in the connection ``innovation`` and the first of its two connections' consecutive innovations."""
        if innovation not in self._splits:
            self._splits[innovation] = (self.node, self.innovation)
            self.node += 1
            self.innovation += 2
        return self._splits[innovation]


def mutate_weights(
    children: Genes, *, mutated: torch.Tensor, replaced: float, power: float, draws: torch.Tensor
) -> None:
    """Each weight of the ``mutated`` rows moves by at most ``power``, or with chance ``replaced`` becomes that move.

    ``mutated``: bool [children]; ``draws``: [2, children, columns].
    """
    move = (draws[1] * 2 - 1) * power
    changed = torch.where(draws[0] < replaced, move, children.weight + move)
    children.weight.copy_(torch.where(mutated.unsqueeze(1) & children.used, changed, children.weight))


def add_nodes(
    children: Genes, *, rows: torch.Tensor, draws: torch.Tensor, markings: Sequence[Markings], slots: Slots
) -> torch.Tensor:
    """Split a random enabled connection of each row (none from the bias) by a new node; bool [rows], left out for size.

    ``rows``: int64; ``draws``: [rows]; ``markings``: of each row's seed. ``children`` needs two free columns.
    """
    hidden = children.hidden[rows]
    full = hidden >= slots.hidden
    eligible = children.enabled[rows] & (children.source[rows] != slots.inputs)
    chosen, possible = nth(eligible, draws)
    keep = (possible & ~full).nonzero().squeeze(1)
    rows, chosen, slot = rows[keep], chosen[keep], hidden[keep] + slots.fixed
    split = children.innovation[rows, chosen].tolist()
    numbers = [markings[index].split(innovation) for index, innovation in zip(keep.tolist(), split, strict=True)]
    node, first = torch.tensor(numbers, dtype=torch.int32).reshape(-1, 2).unbind(1)
    old = {name: table[rows, chosen] for name, table in children.tables().items() if name in _GENE}
    children.enabled[rows, chosen] = False
    children.nodes[rows, slot - slots.fixed] = node
    new = slot.int()
    _append(children, rows, innovation=first, source=old["source"], target=new, weight=torch.ones(len(rows)))
    _append(children, rows, innovation=first + 1, source=new, target=old["target"], weight=old["weight"])
    return full


def add_links(
    children: Genes,
    *,
    rows: torch.Tensor,
    draws: torch.Tensor,
    weights: torch.Tensor,
    loops: torch.Tensor,
    markings: Sequence[Markings],
    slots: Slots,
) -> None:
    """Connect a random pair of unconnected nodes in each row; where ``loops`` (bool [rows]), one that closes a loop.

    ``rows``: int64; ``draws``, ``weights``: [rows]. A row without such a pair stays as it is; ``children`` needs a free
    column.
    """
    allowed = torch.where(loops[:, None, None], *candidates(children, rows=rows, slots=slots))
    chosen, possible = nth(allowed.flatten(1), draws)
    keep = possible.nonzero().squeeze(1)
    rows, chosen = rows[keep], chosen[keep]
    target, source = chosen // slots.all + slots.first_target, chosen % slots.all
    names = torch.cat((torch.arange(slots.fixed, dtype=torch.int32).repeat(len(rows), 1), children.nodes[rows]), dim=1)
    ends = torch.stack((names.gather(1, source[:, None]), names.gather(1, target[:, None])), dim=1).squeeze(2).tolist()
    numbers = [markings[index].link(*pair) for index, pair in zip(keep.tolist(), ends, strict=True)]
    innovation = torch.tensor(numbers, dtype=torch.int32)
    _append(children, rows, innovation=innovation, source=source.int(), target=target.int(), weight=weights[keep])


def candidates(genes: Genes, *, rows: torch.Tensor, slots: Slots) -> tuple[torch.Tensor, torch.Tensor]:
    """Which connections may be added: those that close a loop, and those that do not; bool [rows, targets, all slots].

    As in the authors' source, whatever comes from an output counts as a loop. Disabled connections count as there.
    """
    targets = slots.outputs + slots.hidden
    there = torch.zeros(len(rows), targets * slots.all + 1, dtype=torch.bool)
    place = (genes.target[rows].long() - slots.first_target) * slots.all + genes.source[rows]
    there.scatter_(
        1, place.masked_fill_(~genes.used[rows], targets * slots.all), torch.ones((), dtype=torch.bool).expand_as(place)
    )
    there = there[:, :-1].view(len(rows), targets, slots.all)
    live = genes.nodes[rows] != FREE
    sources = torch.cat((torch.ones(len(rows), slots.fixed, dtype=torch.bool), live), dim=1)
    free = ~there & sources[:, None, :] & sources[:, slots.first_target :, None]
    # paths[target, source]: a way from source to target, over any number of connections (or none).
    paths = there[:, :, slots.first_target :].float() + torch.eye(targets)
    for _ in range(targets.bit_length()):
        paths = paths.bmm(paths).clamp_(max=1.0)
    loop = torch.zeros_like(free)
    loop[:, :, slots.first_target :] = paths.transpose(1, 2) > 0
    loop[:, :, slots.first_target : slots.fixed] = True
    return free & loop, free & ~loop


def nth(allowed: torch.Tensor, draws: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """In each row of ``allowed`` (bool [rows, choices]) one True place at random (int64 [rows]), and whether there is one."""
    order = allowed.cumsum(1)
    total = order[:, -1]
    wanted = (draws.double() * total).long().clamp_(max=(total - 1).clamp(min=0)) + 1
    return torch.searchsorted(order, wanted[:, None]).squeeze(1), total > 0


_GENE = ("innovation", "source", "target", "weight", "enabled")


def _append(children: Genes, rows: torch.Tensor, **gene: Any) -> None:
    """One more enabled gene at the end of each of ``rows``; its innovation must be above all others there."""
    place = children.count[rows]
    for name, values in gene.items():
        children.tables()[name][rows, place] = values
    children.enabled[rows, place] = True
    children.count[rows] += 1
