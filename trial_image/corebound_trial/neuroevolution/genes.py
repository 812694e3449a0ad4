"""Genomes of mode ``neat`` as tables: one row a genome, one column a connection gene, in the order of their innovations.

Nodes are slots: the inputs, the bias, the outputs, then ``hidden`` slots that structural mutation fills from the left and
nothing ever empties. So a table of fixed width holds every genome, and a slot is its node's place in the network too.

What could go wrong: a genome outgrows its hidden slots; the mutation is then left out and counted (``mutation``), never cut.
Columns are added as needed: a genome has at most one gene for each pair of nodes, so they cannot run out.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final

import torch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

UNUSED: Final = 2**31 - 1
"""The innovation of a column that holds no gene: above all others, so that rows stay sorted."""
FREE: Final = -1
"""The node of a hidden slot that is not in use."""


@dataclass(frozen=True, kw_only=True)
class Slots:
    """The layout of nodes: ``inputs`` inputs, one bias, ``outputs`` outputs, at most ``hidden`` hidden nodes."""

    inputs: int
    outputs: int
    hidden: int

    @property
    def fixed(self) -> int:
        """Slots that every genome uses; node numbers below this are slots."""
        return self.inputs + 1 + self.outputs

    @property
    def first_target(self) -> int:
        """The first slot that connections may lead to: inputs and bias have none."""
        return self.inputs + 1

    @property
    def all(self) -> int:
        """All slots."""
        return self.fixed + self.hidden


@dataclass(frozen=True, kw_only=True, eq=False)
class Genes:
    """``genomes`` rows; every tensor but ``count`` and ``nodes`` is [genomes, columns]. Weights are float32."""

    innovation: torch.Tensor
    """int32, ascending along each row; :data:`UNUSED` behind the last gene."""
    source: torch.Tensor
    """int32, the slot a connection comes from."""
    target: torch.Tensor
    """int32, the slot it leads to."""
    weight: torch.Tensor
    enabled: torch.Tensor
    """bool; False also where there is no gene."""
    count: torch.Tensor
    """int64 [genomes], genes of each."""
    nodes: torch.Tensor
    """int32 [genomes, hidden], the historical number of the node in each hidden slot, or :data:`FREE`."""

    @classmethod
    def first(cls, *, slots: Slots, weights: torch.Tensor) -> Genes:
        """Inputs and bias all connected to the outputs, nothing else; ``weights`` [genomes, sources x outputs]."""
        genomes, sources = len(weights), slots.first_target
        genes = sources * slots.outputs
        if weights.shape[1] != genes:
            raise ValueError(f"found {weights.shape[1]} weights a genome, expected {genes}")
        order = torch.arange(genes, dtype=torch.int32)
        return cls(
            innovation=order.repeat(genomes, 1),
            source=(order % sources).repeat(genomes, 1),
            target=(slots.first_target + order // sources).repeat(genomes, 1),
            weight=weights.clone(),
            enabled=torch.ones(genomes, genes, dtype=torch.bool),
            count=torch.full((genomes,), genes),
            nodes=torch.full((genomes, slots.hidden), FREE, dtype=torch.int32),
        )

    def __len__(self) -> int:
        return len(self.count)

    @property
    def columns(self) -> int:
        """Places for genes in each row."""
        return self.innovation.shape[1]

    @property
    def used(self) -> torch.Tensor:
        """bool [genomes, columns]: where there is a gene."""
        return self.innovation != UNUSED

    @property
    def hidden(self) -> torch.Tensor:
        """int64 [genomes]: hidden nodes in use."""
        return (self.nodes != FREE).sum(1)

    def take(self, rows: torch.Tensor) -> Genes:
        """Copies of the genomes at ``rows`` (int64)."""
        return Genes(**{name: table.index_select(0, rows) for name, table in self.tables().items()})

    def resized(self, columns: int = 0) -> Genes:
        """The same genomes with room for ``columns`` genes, but never less than they need."""
        columns = max(columns, int(self.count.max())) if len(self) else columns
        changed = {}
        for name, table in self.tables().items():
            if name not in ("count", "nodes"):
                fill = UNUSED if name == "innovation" else 0
                missing = columns - self.columns
                changed[name] = torch.nn.functional.pad(table, (0, missing), value=fill).contiguous()
        return Genes(**{**self.tables(), **changed})

    def tables(self) -> dict[str, torch.Tensor]:
        """All tensors by name, for checkpoints."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_tables(cls, tables: Mapping[str, Any]) -> Genes:
        """What :meth:`tables` gave."""
        return cls(**tables)

    @classmethod
    def joined(cls, parts: Sequence[Genes]) -> Genes:
        """All genomes of ``parts`` in their order, as wide as the widest."""
        columns = max(part.columns for part in parts)
        wide = [part.resized(columns) for part in parts]
        return cls(**{name: torch.cat([part.tables()[name] for part in wide]) for name in wide[0].tables()})
