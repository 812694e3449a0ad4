"""The operators of mode neat, one by one, against small cases worked out by hand and properties of whole populations."""

from __future__ import annotations

import numpy
import pytest
import torch

from corebound_trial.neuroevolution.crossover import cross
from corebound_trial.neuroevolution.distance import Measure, lay_out, near, structural, weight_difference
from corebound_trial.neuroevolution.draws import uniform
from corebound_trial.neuroevolution.genes import FREE, UNUSED, Genes, Slots
from corebound_trial.neuroevolution.graph import deepest
from corebound_trial.neuroevolution.mutation import Markings, add_links, add_nodes, candidates, mutate_weights, nth
from corebound_trial.neuroevolution.species import DRAWS, Rates, Species, largest_remainder

from .runs import evolution

SLOTS = Slots(inputs=2, outputs=1, hidden=3)
RATES = Rates(
    crossover=0.75, averaged=0.4, interspecies=0.1, node=0.1, link=0.1, weights=0.9, survival=0.3, stagnation=15
)


def table(*rows: dict[int, float], disabled: dict[int, set[int]] | None = None) -> Genes:
    """Genomes given as {innovation: weight}, all between the same two slots, since only innovations matter here."""
    columns = max(map(len, rows))
    innovation = torch.tensor([[*sorted(row), *[UNUSED] * (columns - len(row))] for row in rows], dtype=torch.int32)
    weight = torch.tensor([[*(row[key] for key in sorted(row)), *[0.0] * (columns - len(row))] for row in rows])
    off = torch.tensor(
        [
            [number in (disabled or {}).get(index, set()) for number in line]
            for index, line in enumerate(innovation.tolist())
        ]
    )
    return Genes(
        innovation=innovation,
        source=torch.zeros_like(innovation),
        target=torch.full_like(innovation, 3),
        weight=weight,
        enabled=(innovation != UNUSED) & ~off,
        count=torch.tensor([len(row) for row in rows]),
        nodes=torch.full((len(rows), 3), FREE, dtype=torch.int32),
    )


def first(genomes: int = 4) -> Genes:
    return Genes.first(slots=SLOTS, weights=torch.arange(genomes * 3.0).reshape(genomes, 3)).resized(9)


def test_a_first_genome_connects_inputs_and_bias_to_the_output() -> None:
    genes = first()
    assert genes.source[0, :3].tolist() == [0, 1, 2]
    assert genes.target[0, :3].tolist() == [3, 3, 3]
    assert genes.count.tolist() == [3] * 4
    assert genes.used.sum() == 12


def test_a_child_has_the_fitter_parents_structure_and_matching_genes_of_either() -> None:
    parents = table({0: 1.0, 2: 2.0, 5: 3.0}, {0: 10.0, 3: 20.0, 5: 30.0, 7: 40.0})
    draws = torch.tensor([[[0.4, 0.4, 0.9, 0.9]], [[0.0] * 4]])
    child = cross(
        parents,
        fitter=torch.tensor([0]),
        other=torch.tensor([1]),
        mated=torch.tensor([True]),
        averaged=torch.tensor([False]),
        draws=draws,
    )
    assert child.innovation[0, :3].tolist() == [0, 2, 5]
    assert child.weight[0, :3].tolist() == [10.0, 2.0, 3.0]
    mean = cross(
        parents,
        fitter=torch.tensor([1]),
        other=torch.tensor([0]),
        mated=torch.tensor([True]),
        averaged=torch.tensor([True]),
        draws=draws,
    )
    assert mean.weight[0].tolist() == [5.5, 20.0, 16.5, 40.0]


def test_a_gene_disabled_in_either_parent_stays_so_three_times_in_four() -> None:
    parents = table({0: 1.0, 1: 1.0}, {0: 1.0, 1: 1.0}, disabled={1: {0}})
    count = 4000
    child = cross(
        parents,
        fitter=torch.zeros(count, dtype=torch.int64),
        other=torch.ones(count, dtype=torch.int64),
        mated=torch.ones(count, dtype=torch.bool),
        averaged=torch.zeros(count, dtype=torch.bool),
        draws=uniform([torch.Generator().manual_seed(1)], layers=2, rows=count, columns=[2]),
    )
    assert child.enabled[:, 1].all()
    assert child.enabled[:, 0].float().mean() == pytest.approx(0.25, abs=0.03)
    assert parents.enabled[0].all()  # parents are not changed


def test_weights_move_within_the_power_or_are_drawn_anew() -> None:
    genes = Genes.first(slots=SLOTS, weights=torch.full((2000, 3), 10.0))
    mutated = torch.arange(2000) % 2 == 0
    draws = uniform([torch.Generator().manual_seed(1)], layers=2, rows=2000, columns=[3])
    mutate_weights(genes, mutated=mutated, replaced=0.1, power=2.0, draws=draws)
    assert (genes.weight[~mutated] == 10.0).all()
    anew = genes.weight[mutated].abs() <= 2.0
    assert anew.float().mean() == pytest.approx(0.1, abs=0.03)
    assert ((genes.weight[mutated][~anew] - 10.0).abs() <= 2.0).all()


def test_a_new_node_splits_a_connection_and_keeps_its_weight() -> None:
    genes, markings = first(), Markings(innovation=3, node=SLOTS.fixed)
    rows = torch.tensor([0, 1, 3])
    full = add_nodes(genes, rows=rows, draws=torch.tensor([0.0, 0.9, 0.0]), markings=[markings] * 3, slots=SLOTS)
    assert not full.any()
    assert genes.count.tolist() == [5, 5, 3, 5]
    # Rows 0 and 3 have split the same connection in the same generation: the same numbers. Row 1 another.
    assert genes.innovation[0, :5].tolist() == genes.innovation[3, :5].tolist() == [0, 1, 2, 3, 4]
    assert genes.innovation[1, :5].tolist() == [0, 1, 2, 5, 6]
    assert genes.nodes[:, 0].tolist() == [4, 5, FREE, 4]
    assert genes.enabled[0, :5].tolist() == [False, True, True, True, True]
    assert genes.weight[3, 3:5].tolist() == [1.0, 9.0]
    assert (genes.source[3, 3:5].tolist(), genes.target[3, 3:5].tolist()) == ([0, 4], [4, 3])
    # Never from the bias (slot 2), whatever is drawn.
    assert genes.enabled[:, 2].all()
    markings.forget()
    assert markings.split(0) == (6, 7)


def test_a_genome_with_all_its_nodes_is_left_alone_and_counted() -> None:
    genes, markings = first().resized(30), Markings(innovation=3, node=SLOTS.fixed)
    for _ in range(SLOTS.hidden):
        markings.forget()
        assert not add_nodes(
            genes, rows=torch.tensor([0]), draws=torch.tensor([0.0]), markings=[markings], slots=SLOTS
        ).any()
    before = genes.take(torch.arange(4))
    full = add_nodes(genes, rows=torch.tensor([0]), draws=torch.tensor([0.0]), markings=[markings], slots=SLOTS)
    assert full.tolist() == [True]
    assert all(torch.equal(a, b) for a, b in zip(before.tables().values(), genes.tables().values(), strict=True))


@pytest.mark.parametrize("recurrent", [False, True])
def test_structure_stays_sound_however_long_it_grows(recurrent: bool) -> None:
    """No pair twice, rows sorted, nothing into inputs; without loops where none are allowed."""
    generator = torch.Generator().manual_seed(7)
    slots = Slots(inputs=2, outputs=2, hidden=4)
    genes = Genes.first(slots=slots, weights=torch.rand(20, 6, generator=generator))
    markings = Markings(innovation=6, node=slots.fixed)
    rows = torch.arange(20)
    for _ in range(150):
        markings.forget()
        genes = genes.resized(genes.columns + 3)
        splitting = rows[torch.rand(20, generator=generator) < 0.3]
        add_nodes(
            genes,
            rows=splitting,
            draws=torch.rand(len(splitting), generator=generator),
            markings=[markings] * len(splitting),
            slots=slots,
        )
        markings.forget()
        add_links(
            genes,
            rows=rows,
            draws=torch.rand(20, generator=generator),
            weights=torch.rand(20, generator=generator),
            loops=(torch.rand(20, generator=generator) < 0.5) & recurrent,
            markings=[markings] * 20,
            slots=slots,
        )
    for row in range(20):
        count = int(genes.count[row])
        pairs = list(zip(genes.source[row, :count].tolist(), genes.target[row, :count].tolist(), strict=True))
        assert len(set(pairs)) == count
        assert all(target >= slots.first_target for _, target in pairs)
        numbers = genes.innovation[row].tolist()
        assert numbers == sorted(numbers)
        assert len(set(numbers[:count])) == count
        live = slots.fixed + int(genes.hidden[row])
        assert max(max(pair) for pair in pairs) < live
    closing, open_ = candidates(genes, rows=rows, slots=slots)
    assert not open_.any()  # everything that may be connected is
    if recurrent:
        assert not closing.any()
    else:
        assert closing.any()
        assert deepest(genes, slots=slots) <= slots.hidden + 1


def test_nth_is_uniform_over_what_is_allowed() -> None:
    allowed = torch.tensor([[False, True, False, True, True]]).expand(6000, -1)
    chosen, possible = nth(allowed, torch.rand(6000, generator=torch.Generator().manual_seed(1)))
    assert possible.all()
    counts = torch.bincount(chosen, minlength=5)
    assert counts[[0, 2]].sum() == 0
    assert (counts[[1, 3, 4]] / 6000).tolist() == pytest.approx([1 / 3] * 3, abs=0.03)
    assert not nth(torch.zeros(2, 3, dtype=torch.bool), torch.tensor([0.0, 0.999]))[1].any()


def test_distance_counts_excess_disjoint_and_mean_weight_difference() -> None:
    laid = lay_out(table({0: 1.0, 1: 2.0, 4: 1.0}, {0: 0.0, 2: 5.0, 4: 4.0, 6: 1.0, 8: 1.0}, {9: 1.0}))
    a, b, c = (laid.take(numpy.array([row])) for row in range(3))
    excess = Measure(excess=1.0, disjoint=0.0, weight=0.0, threshold=1.0)
    disjoint = Measure(excess=0.0, disjoint=1.0, weight=0.0, threshold=1.0)
    zero = numpy.array([0])
    assert structural(a, b, excess).item() == 2  # 6 and 8
    assert structural(b, a, excess).item() == 2
    assert structural(a, b, disjoint).item() == 2  # 1 and 2
    assert weight_difference(a, zero, b, zero).item() == 2.0  # (1 + 3) / 2
    assert structural(a, c, excess).item() == 1
    assert structural(a, c, disjoint).item() == 3
    assert weight_difference(a, zero, c, zero).item() == 0.0
    for threshold, together in ((4.79, False), (4.81, True)):
        assert near(a, b, Measure(excess=1.0, disjoint=1.0, weight=0.4, threshold=threshold)).item() == together


def test_a_genome_joins_the_first_species_that_is_near_enough() -> None:
    genes = table({0: 0.0}, {0: 1.0}, {0: 2.0}, {0: 3.0}, {0: 0.4})
    species = Species(genes, measure=Measure(excess=1.0, disjoint=1.0, weight=1.0, threshold=1.5))
    assert species.members.tolist() == [0, 0, 1, 1, 0]
    assert species.sizes == {0: 3, 1: 2}


def plan(fitness: list[float], weights: list[float], **rates: float):
    genes = table(*({0: weight} for weight in weights))
    species = Species(genes, measure=Measure(excess=1.0, disjoint=1.0, weight=1.0, threshold=1.0))
    draws = torch.rand(len(fitness), len(DRAWS), generator=torch.Generator().manual_seed(3)).numpy()
    made = species.plan(numpy.array(fitness), genes, draws=draws, rates=Rates(**{**vars(RATES), **rates}), generation=1)
    return species, made


def test_species_get_children_by_their_shared_fitness() -> None:
    _, made = plan([8.0] * 6 + [2.0] * 2, [0.0] * 6 + [9.0] * 2, interspecies=0.0)
    of_second = numpy.isin(made.mother, [6, 7]).sum()
    assert of_second == 2  # means 8 and 2: 6.4 and 1.6 of 8 children
    champion = made.mother[0]
    assert champion == 0  # six members: its champion is kept as it is
    assert not (made.mated | made.add_node | made.add_link | made.weights)[0]


def test_only_the_best_of_a_species_are_parents() -> None:
    fitness = list(numpy.arange(20.0))
    _, made = plan(fitness, [0.0] * 20, survival=0.2, interspecies=0.0)
    assert set(made.mother) | set(made.father) <= {15, 16, 17, 18, 19}
    assert (numpy.array(fitness)[made.mother] >= numpy.array(fitness)[made.father])[made.mated].all()


def test_a_species_without_progress_has_no_children_but_the_best_two_have() -> None:
    weights = [0.0] * 4 + [9.0] * 4 + [20.0] * 4
    genes = table(*({0: weight} for weight in weights))
    species = Species(genes, measure=Measure(excess=1.0, disjoint=1.0, weight=1.0, threshold=1.0))
    fitness = numpy.array([3.0] * 4 + [2.0] * 4 + [1.0] * 4)
    draws = torch.rand(12, len(DRAWS), generator=torch.Generator().manual_seed(3)).numpy()
    quiet = Rates(**{**vars(RATES), "interspecies": 0.0, "stagnation": 3})
    last = [species.plan(fitness, genes, draws=draws, rates=quiet, generation=at) for at in range(1, 5)]
    assert numpy.isin(last[2].mother, range(8, 12)).any()
    assert not numpy.isin(last[3].mother, range(8, 12)).any()
    assert numpy.isin(last[3].mother, range(4, 8)).any()


@pytest.mark.parametrize("shares", [[1.0], [0.2, 0.3, 0.5], [0.0, 1.0, 0.0], [1e-12, 1e12], [1.0] * 7])
def test_children_add_up(shares: list[float]) -> None:
    assert largest_remainder(numpy.array(shares), total=10).sum() == 10


def test_innovations_are_shared_within_a_seed_and_a_generation_only() -> None:
    run = evolution("xor", seeds=[1, 2], population=100, generations=8, add_node=0.5, add_connection=0.5)
    run.task.solved = None
    for _ in range(5):
        run.step()
    for genes in run._mode._genes:
        ends: dict[int, tuple[int, int]] = {}
        names = torch.cat((torch.arange(4, dtype=torch.int32).repeat(100, 1), genes.nodes), dim=1)
        for row in range(100):
            for column in range(int(genes.count[row])):
                pair = (int(names[row, genes.source[row, column]]), int(names[row, genes.target[row, column]]))
                assert ends.setdefault(int(genes.innovation[row, column]), pair) == pair
