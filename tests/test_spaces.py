"""Spaces: the contract suite on all, golden values, and brute force against independent sources."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.small_spaces import HUGE, Variable
from workbench import registry
from workbench.errors import ArchitectureError, NoGraph, SpaceTooLarge
from workbench.spaces import Space, space
from workbench.spaces.nb201 import EDGES, OPERATIONS
from workbench.spaces.nbgraph import LINKS
from workbench.testing.spaces import Check, space_checks
from workbench.types import Arch, Decision


def _restricted() -> Space:
    nb201 = space("nb201")
    return nb201.restrict(np.arange(nb201.cardinality) % 3 == 0)


SPACES = [*map(space, registry.names("spaces")), Variable(), HUGE, _restricted()]


@pytest.mark.parametrize("check", space_checks(), ids=lambda c: c.__name__)
@pytest.mark.parametrize("a_space", SPACES, ids=lambda s: s.name)
def test_contract(a_space: Space, check: Check) -> None:
    check(a_space)


@pytest.mark.parametrize(
    ("name", "cardinality", "valid"),
    [
        ("nb201", 15_625, 15_625),
        ("nbgraph", 59_049, 59_040),
        ("fcnet", 62_208, 62_208),
        ("mlp", 30_000, 30_000),
    ],
)
def test_published_sizes(name: str, cardinality: int, valid: int) -> None:
    assert space(name).cardinality == cardinality
    assert len(space(name).all()) == valid


def _unique_string(arch: Arch, zero: bool) -> str:
    """Write a cell as NATS-Bench's ``to_unique_str(consider_zero=zero)`` is described to do.

    Nodes are strings; a skip is the node it leads from; with ``zero``, ``none`` and what comes from
    a dead node is ``#``; the inputs of a node are sorted and joined by ``+``.
    """
    nodes = {0: "0"}
    for target in (1, 2, 3):
        terms = []
        for op, (a, b) in zip(arch, EDGES, strict=True):
            if b == target:
                if zero and (OPERATIONS[op] == "none" or nodes[a] == "#"):
                    terms.append("#")
                elif OPERATIONS[op] == "skip_connect":
                    terms.append(nodes[a])
                else:
                    terms.append(f"({nodes[a]})@{OPERATIONS[op]}")
        nodes[target] = "+".join(sorted(terms))
    return nodes[3]


def test_nb201_classes_are_the_published_ones() -> None:
    """6,466 with ``none`` cutting (the published number), 12,751 with it as an operation."""
    nb201 = space("nb201")
    archs = nb201.all()
    strings = [_unique_string(tuple(a), True) for a in archs.tolist()]
    assert len(set(strings)) == 6466
    assert len({_unique_string(tuple(a), False) for a in archs.tolist()}) == 12_751
    classes = nb201.index(nb201.canonical(archs))
    assert len(np.unique(classes)) == 6466
    assert len(set(zip(classes.tolist(), strings, strict=True))) == 6466
    firsts = {s: i for i, s in reversed(list(enumerate(strings)))}
    assert classes.tolist() == [firsts[s] for s in strings]


def test_nb201_string_is_the_official_one() -> None:
    """The format of the NAS-Bench-201 paper, edges ordered by their target node."""
    arch = (3, 1, 2, 0, 4, 3)
    text = "|nor_conv_3x3~0|+|skip_connect~0|nor_conv_1x1~1|+|none~0|avg_pool_3x3~1|nor_conv_3x3~2|"
    assert space("nb201").format(arch) == text
    assert space("nb201").parse(text) == arch


def test_nb201_graph_paths_are_those_of_the_cell() -> None:
    """Paths from node 0 to node 3 in the official edge order are [3], [0,4], [1,5], [0,2,5]."""
    adjacency = space("nb201").graphs(np.zeros((1, 6), dtype=np.int16)).adjacency[0]
    paths: list[list[int]] = []
    stack = [[0]]
    while stack:
        path = stack.pop()
        if path[-1] == 7:
            paths.append([node - 1 for node in path[1:-1]])
        stack += [[*path, int(n)] for n in np.flatnonzero(adjacency[path[-1]])]
    assert sorted(paths) == [[0, 2, 5], [0, 4], [1, 5], [3]]


def _official_nbgraph_form(arch: Arch) -> tuple[Any, ...]:
    """Return moved skips and the nested sorted tree of a network, by the authors' rule.

    A skip moves to the front if it has children, or no sibling, or only skips before it.
    """
    parent = {i + 1: p for i, p in enumerate(LINKS[arch[0]])}
    operation = {i + 1: o for i, o in enumerate(arch[1:])}
    moved = 0
    while True:
        for node in parent:
            siblings = [n for n, p in parent.items() if p == parent[node] and n != node]
            passing = node in parent.values() or not siblings or parent[node] == 0
            if operation[node] == 8 and passing:
                above = parent.pop(node)
                parent = {n: above if p == node else p for n, p in parent.items()}
                moved += 1
                break
        else:
            break

    def tree(node: int) -> tuple[Any, ...]:
        return tuple(sorted((operation[n], tree(n)) for n, p in parent.items() if p == node))

    return moved, tree(0)


def test_nbgraph_classes_number_26206() -> None:
    """The number of networks that the benchmark's authors trained, against nested tuples."""
    nbgraph = space("nbgraph")
    archs = nbgraph.all()
    classes = nbgraph.index(nbgraph.canonical(archs)).tolist()
    assert len(set(classes)) == 26_206
    forms = [_official_nbgraph_form(tuple(a)) for a in archs.tolist()]
    assert len(set(forms)) == 26_206
    assert len(set(zip(classes, forms, strict=True))) == 26_206


def test_nbgraph_reads_links_in_any_order() -> None:
    """One network in two spellings, by the authors' ``Arch.regularize``.

    Their README's own second spelling names another network: there fc follows cheb, not gin.
    """
    nbgraph = space("nbgraph")
    one = nbgraph.parse("0,1,2,1 gcn,gin,fc,cheb")
    two = nbgraph.parse("[0, 1, 1, 2] ['gcn', 'gin', 'cheb', 'fc']")
    assert nbgraph.canonical(np.array([one], dtype=np.int16)).tolist() == [list(two)]


def test_samples_are_uniform_over_normal_forms() -> None:
    """Every one of the 15 valid rows of the variable space comes equally often (5 sigma)."""
    variable = Variable()
    members = [tuple(a) for a in variable.all().tolist()]
    n = 15_000
    counts = Counter(tuple(a) for a in variable.sample(n, np.random.default_rng(0)).tolist())
    expected = n / len(members)
    assert set(counts) == set(members)
    assert all(abs(counts[m] - expected) < 5 * expected**0.5 for m in members)


def test_variable_space_members_by_hand() -> None:
    """As many layers as the depth says are active; with more than one, some layer is ``b``."""
    by_hand = {
        (depth, *layers)
        for depth in range(3)
        for layers in itertools.product(range(2), repeat=3)
        if not any(layers[depth + 1 :]) and any(layers[: depth + 1]) | (depth == 0)
    }
    assert {tuple(a) for a in Variable().all().tolist()} == by_hand


def test_mutation_is_uniform_over_edits() -> None:
    """On nb201 all 24 neighbours come equally often (5 sigma)."""
    nb201 = space("nb201")
    arch = (0, 1, 2, 3, 4, 0)
    rng = np.random.default_rng(0)
    n = 12_000
    counts = Counter(nb201.mutate(arch, rng) for _ in range(n))
    assert set(counts) == {tuple(a) for a in nb201.neighbours(arch).tolist()}
    assert all(abs(c - n / 24) < 5 * (n / 24) ** 0.5 for c in counts.values())


def test_huge_space_still_moves() -> None:
    assert HUGE.cardinality == 4**70
    with pytest.raises(SpaceTooLarge, match="too many to list"):
        HUGE.all()
    arch = tuple([3] * 70)
    assert HUGE.rank(arch) == 4**70 - 1
    assert len(HUGE.neighbours(arch)) == 210


def test_restricted_space_holds_what_the_mask_admits() -> None:
    restricted, nb201 = _restricted(), space("nb201")
    assert len(restricted.all()) == 5209
    assert (nb201.index(restricted.all()) % 3 == 0).all()
    with pytest.raises(ArchitectureError):
        restricted.check(nb201.unrank(np.array([1])))
    classes = restricted.index(restricted.canonical(restricted.all()))
    base = nb201.index(nb201.canonical(restricted.all()))
    assert len(np.unique(classes)) == len(np.unique(base))
    assert len(np.unique(np.stack([classes, base]), axis=1).T) == len(np.unique(base))


def test_joint_spaces_have_no_graphs() -> None:
    with pytest.raises(NoGraph, match="one_hot"):
        space("fcnet").graphs(space("fcnet").all()[:1])


def test_numbers_are_read_by_value() -> None:
    mlp = space("mlp")
    text = "alpha=1e-8, batch_size=4, depth=2, learning_rate_init=0.00001, width=16"
    assert mlp.parse(text) == (0, 0, 1, 0, 0)


radices = st.lists(st.integers(1, 5), min_size=1, max_size=6)


@settings(max_examples=40, deadline=None)
@given(radices=radices, seed=st.integers(0, 2**32 - 1))
def test_any_product_space_keeps_the_contract(radices: list[int], seed: int) -> None:
    made = Space("any", [Decision(f"d{i}", tuple(range(r))) for i, r in enumerate(radices)])
    rng = np.random.default_rng(seed)
    archs = made.all()
    assert (made.index(archs) == np.arange(made.cardinality)).all()
    arch = tuple(made.sample(1, rng)[0].tolist())
    by_hand = {(*arch[:i], v, *arch[i + 1 :]) for i, r in enumerate(radices) for v in range(r)} - {
        arch
    }
    assert {tuple(a) for a in made.neighbours(arch).tolist()} == by_hand
    assert made.mutate(arch, rng) in (by_hand or {arch})
    assert made.parse(made.format(arch)) == arch
