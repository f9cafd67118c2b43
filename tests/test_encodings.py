"""Encodings: by hand on NAS-Bench-201, brute force on the graphs, isomorphism on whole spaces."""

from __future__ import annotations

import time
from itertools import combinations, pairwise, product

import numpy as np
import pytest

from tests.encoded import HAND, NB201, NBGRAPH, one_row
from workbench.encodings._paths import Alphabet, codes_of
from workbench.encodings._wirings import distinct_wirings
from workbench.encodings.categorical import Categorical
from workbench.encodings.continuous import Continuous
from workbench.encodings.graph_features import GraphFeatures
from workbench.encodings.hyperparameters import Hyperparameters
from workbench.encodings.one_hot import OneHot
from workbench.encodings.path import Path
from workbench.errors import NoGraph, ParameterError
from workbench.spaces import Space, space
from workbench.testing._plugins import Layered
from workbench.types import Arch, Archs, Graphs

NONE, SKIP, C1, C3, POOL = range(5)
# Edge list by node pairs, written down apart from the library: the official string's order.
EDGE = {(0, 1): 0, (0, 2): 1, (1, 2): 2, (0, 3): 3, (1, 3): 4, (2, 3): 5}


def _on(encoding: OneHot | Path, arch: Arch) -> set[str]:
    names = encoding.get_feature_names_out()
    return {*names[encoding.transform(one_row(arch))[0] == 1]}


def test_one_hot_by_hand() -> None:
    arch = NB201.parse(HAND)
    assert _on(OneHot(NB201), arch) == {
        "op01=nor_conv_3x3",
        "op02=none",
        "op12=nor_conv_1x1",
        "op03=skip_connect",
        "op13=none",
        "op23=avg_pool_3x3",
    }
    assert OneHot(NB201).transform(one_row(arch))[0].nonzero()[0].tolist() == [3, 5, 12, 16, 20, 29]


def test_one_hot_leaves_inactive_decisions_out() -> None:
    assert _on(OneHot(Layered()), (0, 1, 0, 0)) == {"depth=1", "layer1=b"}


def test_paths_by_hand() -> None:
    """The six edges differ in every path; an encoder that mixes up the two orders fails."""
    arch = NB201.parse(HAND)
    assert _on(Path(NB201), arch) == {
        "skip_connect",
        "nor_conv_3x3>none",
        "none>avg_pool_3x3",
        "nor_conv_3x3>nor_conv_1x1>avg_pool_3x3",
    }
    assert Path(NB201).transform(one_row(arch)).shape == (1, 155)


def test_paths_against_a_walk_over_the_nodes() -> None:
    rows = NB201.sample(200, np.random.default_rng(0))
    encoding = Path(NB201)
    for arch in map(tuple, rows.tolist()):
        walks = [(0, *middle, 3) for n in range(3) for middle in combinations((1, 2), n)]
        names = [[NB201.decisions[0].values[arch[EDGE[e]]] for e in pairwise(w)] for w in walks]
        assert _on(encoding, arch) == {">".join(map(str, path)) for path in names}


def test_paths_are_truncated() -> None:
    short = Path(NB201, max_length=2)
    rows = NB201.sample(50, np.random.default_rng(0))
    assert (short.transform(rows) == Path(NB201).transform(rows)[:, :30]).all()
    with pytest.raises(ParameterError, match="'max_length' parameter of Path"):
        Path(NB201, max_length=0).transform(rows)


def test_paths_in_the_other_published_edge_order() -> None:
    """analog-nasbench lists edges as 01, 02, 03, 12, 13, 23; taken for the official order, the
    same digits would be another cell.
    """
    theirs = dict(zip([(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)], range(6), strict=True))
    digits = (C3, NONE, SKIP, C1, NONE, POOL)
    arch = tuple(digits[theirs[pair]] for pair in EDGE)
    assert NB201.format(arch) == HAND
    assert _on(Path(NB201), arch) == _on(Path(NB201), NB201.parse(HAND))
    assert _on(Path(NB201), arch) != _on(Path(NB201), digits)
    assert _on(OneHot(NB201), arch) != _on(OneHot(NB201), digits)


def test_forms_of_paths_by_hand() -> None:
    """Sequences by length, then order: skip is 2nd, conv3x3 > none 5 + 3 * 5 + 0, and so on."""
    row = one_row(NB201.parse(HAND))
    listed = Path(NB201, form="categorical").transform(row)[0].tolist()
    assert listed == [1 + 1, 5 + 0 * 5 + 4 + 1, 5 + 3 * 5 + 0 + 1, 30 + 3 * 25 + 2 * 5 + 4 + 1]
    parts = Path(NB201, form="continuous").transform(row)[0]
    assert parts[-1] == 4
    assert parts[[1, 9, 20, 119]].tolist() == [0.25] * 4
    live = Path(NB201, cut_none=True)
    assert _on(live, tuple(row[0])) == {"skip_connect", "nor_conv_3x3>nor_conv_1x1>avg_pool_3x3"}
    assert live.transform(row).shape == (1, 4 + 16 + 64)
    short = Path(NB201, cut_none=True, contract_skip=True)
    assert _on(short, tuple(row[0])) == {"identity", "nor_conv_3x3>nor_conv_1x1>avg_pool_3x3"}
    assert short.transform(row).shape == (1, 1 + 3 + 9 + 27)
    same = one_row((C1, SKIP, NONE, C1, SKIP, NONE))
    assert _on(short, tuple(same[0])) == {"nor_conv_1x1"}
    twice = Path(NB201, form="continuous", cut_none=True, contract_skip=True).transform(same)[0]
    assert twice[[1, -1]].tolist() == [1.0, 2.0]
    few = Path(NB201, k=7).transform(row)[0]
    assert few.tolist() == Path(NB201).transform(row)[0, :7].tolist()
    for wrong in ({"form": "onehot"}, {"k": 0}, {"max_length": 1.5}):
        with pytest.raises(ParameterError, match=f"The '{next(iter(wrong))}' parameter of Path"):
            Path(NB201, **wrong).transform(row)


@pytest.mark.parametrize("where", [NB201, NBGRAPH], ids=["nb201", "nbgraph"])
def test_contracted_paths_are_equal_for_isomorphic_architectures(where: Space) -> None:
    """By canonical form; on NAS-Bench-201 by cutting and contracting alone.

    A class of NAS-Bench-Graph holds networks that differ in whether the input reaches the output.
    """
    rows = where.all()[:: 1 if where is NB201 else 7]
    for canonical in (True, False)[: 2 if where is NB201 else 1]:
        short = Path(where, cut_none=True, contract_skip=True, canonical=canonical, k=200)
        assert (short.transform(rows) == short.transform(where.canonical(rows))).all()
    plain = Path(where, k=200)
    assert (plain.transform(rows) != plain.transform(where.canonical(rows))).any()


def _random_graphs(n: int, rng: np.random.Generator) -> Graphs:
    """Return graphs as in NAS-Bench-101: seven nodes, edges at random, three operations."""
    adjacency = np.triu(rng.random((n, 7, 7)) < 0.5, 1)
    inner = rng.integers(0, 3, (n, 5))
    ends = np.full((n, 1), 3), np.full((n, 1), 4)
    operations = np.concatenate([ends[0], inner, ends[1]], axis=1).astype(np.int16)
    return Graphs(adjacency, operations, ("skip", "none", "conv", "input", "output"))


@pytest.mark.parametrize("cut", [False, True])
@pytest.mark.parametrize("contract", [False, True])
def test_codes_of_random_graphs_against_a_walk(cut: bool, contract: bool) -> None:
    """3,000 wirings are walked by subsets of nodes, 20 by wiring; a slow walk knows neither."""
    graphs = _random_graphs(3000, np.random.default_rng(0))
    alphabet = Alphabet.of(graphs.names[:3], cut, contract)
    few = Graphs(graphs.adjacency[:20], graphs.operations[:20], graphs.names)
    assert distinct_wirings(graphs) > 2000 > distinct_wirings(few)
    for some in (graphs, few):
        found: dict[int, list[int]] = {}
        for rows, codes in codes_of(some, alphabet, 4):
            for row, code in zip(rows.tolist(), codes.tolist(), strict=True):
                found.setdefault(row, []).append(code)
        for row in range(20):
            assert sorted(found.get(row, [])) == sorted(_slow_codes(graphs, row, cut, contract))


def _slow_codes(graphs: Graphs, row: int, cut: bool, contract: bool) -> list[int]:
    kept = [n for n in ("skip", "none", "conv")
            if not (cut and n == "none") and not (contract and n == "skip")]  # fmt: skip
    every = [s for n in range(0 if contract else 1, 5) for s in product(kept, repeat=n)]
    walks, done = [[0]], []
    while walks:
        walk = walks.pop()
        for node in graphs.adjacency[row][walk[-1]].nonzero()[0].tolist():
            done.append(walk[1:]) if node == 6 else walks.append([*walk, node])
    named = [[graphs.names[graphs.operations[row, n]] for n in walk] for walk in done]
    named = [w for w in named if not (cut and "none" in w)]
    spelled = [tuple(n for n in w if not (contract and n == "skip")) for w in named]
    return [every.index(w) for w in spelled if w in every]


def test_categorical_and_continuous_by_hand() -> None:
    row = one_row(NB201.parse(HAND))
    assert Categorical(NB201).transform(row)[0].tolist() == [3, 0, 2, 1, 0, 4]
    spaced = [3 / 4, 0, 2 / 4, 1 / 4, 0, 1, 4 / 6]
    assert Continuous(NB201).transform(row)[0] == pytest.approx(spaced)
    variable = one_row((0, 1, 0, 0))
    assert Categorical(Layered()).transform(variable)[0].tolist() == [0, 1, -1, -1]
    assert Continuous(Layered()).transform(variable)[0].tolist() == [0, 1, -1, -1, 0.5]


def test_paths_of_graph_networks() -> None:
    arch = NBGRAPH.parse("0,0,1,2 gcn,gin,fc,cheb")
    assert _on(Path(NBGRAPH), arch) == {"gcn>fc", "gin>cheb"}


@pytest.mark.parametrize("encoding", [Path, GraphFeatures])
@pytest.mark.parametrize("name", ["fcnet", "mlp"])
def test_spaces_without_graphs_are_refused(encoding: type[Path | GraphFeatures], name: str) -> None:
    where = space(name)
    with pytest.raises(NoGraph, match=f"{name} have no graphs; use .* one_hot"):
        encoding(where).transform(where.sample(2, np.random.default_rng(0)))


def test_hyperparameters_by_hand() -> None:
    where = space("fcnet")
    arch = where.parse(
        "activation_fn_1=relu,activation_fn_2=tanh,batch_size=16,dropout_1=0.3,dropout_2=0.0,"
        "init_lr=0.1,lr_schedule=const,n_units_1=64,n_units_2=512"
    )
    found = Hyperparameters(where).transform(one_row(arch))[0]
    assert np.allclose(found, [0, 1, 1 / 3, 0.5, 0, 1, 1, 2 / 5, 1])


def test_inactive_numbers_are_told_apart() -> None:
    encoding = Hyperparameters(Layered())
    assert encoding.transform(one_row((0, 1, 0, 0)))[0].tolist() == [0, 1, -1, -1]


def _best_time(encoding: OneHot | Path | GraphFeatures, rows: Archs) -> float:
    times = []
    for _ in range(7):
        start = time.process_time()
        encoding.transform(rows)
        times.append(time.process_time() - start)
    return min(times)


def test_speed() -> None:
    """Generous bounds, three times the aims: a loop over rows would break them all."""
    rows = NB201.all()
    assert _best_time(OneHot(NB201), rows) < 0.015
    assert _best_time(Path(NB201), rows) < 0.045
    assert _best_time(GraphFeatures(NB201), rows) < 0.2


def test_paths_of_many_wirings_are_quick() -> None:
    """100,000 random graphs of seven nodes in a second, with a margin for a busy machine."""
    graphs = _random_graphs(100_000, np.random.default_rng(0))
    start = time.process_time()
    alphabet = Alphabet.of(graphs.names[:3], False, False)
    found = sum(len(rows) for rows, _ in codes_of(graphs, alphabet, 5))
    assert time.process_time() - start < 2
    assert found > 100_000
