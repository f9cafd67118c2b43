"""Features of graphs: by hand, against slow walks over the graphs, isomorphism on whole spaces."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline

from tests.encoded import HAND, NB201, NBGRAPH, one_row
from workbench.encodings.graph_features import GraphFeatures
from workbench.predictors.extra_trees import ExtraTrees
from workbench.spaces import Space
from workbench.types import Arch, Floats, Mask


def test_graph_features_by_hand() -> None:
    """Live: the skip from input to output, and conv3x3 > conv1x1 > pool; two dead edges."""
    arch = NB201.parse(HAND)
    encoding = GraphFeatures(NB201, canonical=False)
    found = dict(
        zip(encoding.get_feature_names_out(), encoding.transform(one_row(arch))[0], strict=True)
    )
    wanted = {
        "count[skip_connect]": 1,
        "count[nor_conv_3x3]": 1,
        "size": 10,
        "paths[skip_connect]": 1,
        "paths[nor_conv_1x1+nor_conv_3x3]": 0,
        "shortest[nor_conv_3x3]": 4,
        "shortest[nor_conv_1x1+nor_conv_3x3+avg_pool_3x3]": 3,
        "longest[nor_conv_1x1+nor_conv_3x3+avg_pool_3x3]": 3,
        "paths[skip_connect+nor_conv_1x1+nor_conv_3x3+avg_pool_3x3]": 2,
        "into[skip_connect]": 1,
        "into[skip_connect+nor_conv_1x1+avg_pool_3x3]": 2,
        "from[nor_conv_3x3]": 1,
        "max[kernel]": 4,
        "min[kernel]": 0,
        "sum[length]": 4,
        "exactly2[weighted]": 1,
        "rank[0]": 4,
        "rank[1]": 0,
        "rank[2]": -1,
        "unpooled.max": 0,
        "first[kernel]": 3,
        "last[pooling]": 1,
        "last[skip_connect]": 0,
        "before[pooling]": 2,
        "after[weighted]": 1,
        "next[nor_conv_3x3>nor_conv_1x1]": 1,
        "next[nor_conv_1x1>nor_conv_3x3]": 0,
    }
    assert {name: found[name] for name in wanted} == wanted


def _live_walks(where: Space, arch: Arch) -> tuple[list[str], list[list[int]]]:
    """Walk one graph node by node: operations, and nodes of each live path without its ends."""
    graphs = where.graphs(one_row(arch))
    ops = [graphs.names[o] for o in graphs.operations[0]]
    walks = [[ops.index("input")]]
    done = []
    while walks:
        walk = walks.pop()
        for node in graphs.adjacency[0][walk[-1]].nonzero()[0].tolist():
            if ops[node] == "output":
                done.append(walk[1:])
            else:
                walks.append([*walk, node])
    return ops, [walk for walk in done if "none" not in {ops[node] for node in walk}]


def _slow_features(where: Space, arch: Arch, within: set[str]) -> list[float]:
    """Number, longest, and most and total cost of live paths."""
    ops, walks = _live_walks(where, arch)
    live = [[ops[node] for node in walk] for walk in walks]
    inside = [walk for walk in live if {*walk} <= within]
    cost = {"nor_conv_3x3": 3, "skip": 0, "skip_connect": 0, "avg_pool_3x3": 0}
    costs = [sum(cost.get(op, 1) for op in walk) for walk in live]
    return [
        len(inside),
        max(map(len, inside), default=0),
        max(costs, default=-1),
        sum(costs),
        sum(c == 2 for c in costs),
    ]


@pytest.mark.parametrize("where", [NB201, NBGRAPH], ids=["nb201", "nbgraph"])
def test_graph_features_against_a_slow_walk(where: Space) -> None:
    encoding = GraphFeatures(where, canonical=False)
    names = encoding.get_feature_names_out().tolist()
    group = next(n for n in names if n.startswith("paths[") and n.count("+") >= 2)[6:-1]
    columns = [f"paths[{group}]", f"longest[{group}]", "max[kernel]", "sum[kernel]"]
    where_are = [names.index(name) for name in [*columns, "exactly2[kernel]"]]
    rows = where.sample(150, np.random.default_rng(1))
    found = encoding.transform(rows)[:, where_are]
    slow = [_slow_features(where, tuple(row), {*group.split("+")}) for row in rows.tolist()]
    assert found.tolist() == slow


def _slow_places(where: Space, arch: Arch, pair: tuple[str, str]) -> list[int]:
    """First and last nodes with weights, sums of the fewest of them around a node, pairs."""
    ops, walks = _live_walks(where, arch)
    free = {"skip", "skip_connect", "avg_pool_3x3"}
    ends: list[set[int]] = [set(), set()]
    around: list[dict[int, int]] = [{}, {}]
    for walk in walks:
        for side, way in enumerate((walk, walk[::-1])):
            changing = [node for node in way if not ops[node].startswith("skip")]
            ends[side] |= {*changing[:1]}
            for place, node in enumerate(way):
                weighted = sum(ops[other] not in free for other in way[:place])
                around[side][node] = min(weighted, around[side].get(node, 99))
    steps = {two for walk in walks for two in pairwise(walk)}
    named = [[{ops[node], "" if ops[node] in free else "weighted"} for node in s] for s in steps]
    pairs = [two for two in named if pair[0] in two[0] and pair[1] in two[1]]
    weighted_ends = [sum(ops[node] not in free for node in end) for end in ends]
    sums = [sum(n for node, n in found.items() if ops[node] not in free) for found in around]
    return [*weighted_ends, *sums, len(pairs)]


@pytest.mark.parametrize("where", [NB201, NBGRAPH], ids=["nb201", "nbgraph"])
def test_places_of_operations_against_a_slow_walk(where: Space) -> None:
    encoding = GraphFeatures(where, canonical=False)
    names = encoding.get_feature_names_out().tolist()
    sides = [f"{side}[weighted]" for side in ("first", "last", "before", "after")]
    rows = where.sample(150, np.random.default_rng(1))
    found = encoding.transform(rows)
    pair = ("nor_conv_3x3", "avg_pool_3x3") if where is NB201 else ("weighted", "weighted")
    columns = [*sides, f"next[{pair[0]}>{pair[1]}]"]
    slow = [_slow_places(where, tuple(row), pair) for row in rows.tolist()]
    assert found[:, [names.index(name) for name in columns]].tolist() == slow
    assert len({*names}) == len(names)


@pytest.mark.parametrize("where", [NB201, NBGRAPH], ids=["nb201", "nbgraph"])
def test_isomorphic_architectures_get_the_same_features(where: Space) -> None:
    rows = where.all()
    encoding = GraphFeatures(where)
    representatives = encoding.transform(where.canonical(rows))
    assert (encoding.transform(rows) == representatives).all()


def test_features_of_a_part_of_a_space() -> None:
    mask = NB201.canonical(NB201.all()) == NB201.all()
    part = NB201.restrict(mask.all(axis=1))
    rows = part.sample(20, np.random.default_rng(0))
    assert (GraphFeatures(part).transform(rows) == GraphFeatures(NB201).transform(rows)).all()


def _tau(a: Floats, b: Floats) -> float:
    from scipy.stats import kendalltau

    return float(kendalltau(a, b).statistic)


def test_graph_features_rank_unseen_architectures() -> None:
    """Kendall tau with 100 random training architectures, no class in train and test (6 seeds)."""
    from workbench.data._open import benchmark

    rows = NB201.all()
    truth = benchmark("nb201/cifar10").truth(rows)
    classes = NB201.index(NB201.canonical(rows))
    found = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        train = rng.permutation(len(rows))[:100]
        others = rng.permutation(np.flatnonzero(~np.isin(classes, classes[train])))[:1000]
        model = make_pipeline(GraphFeatures(NB201), ExtraTrees(random_state=seed))
        model.fit(rows[train], truth[train])
        found.append(_tau(model.predict(rows[others]), truth[others]))
    assert np.mean(found) >= 0.79


def test_depths_and_heights_against_a_walk() -> None:
    """Each node of 200 graph networks by the longest walk from the input, and to the output."""
    encoding = GraphFeatures(NBGRAPH, canonical=False)
    rows = NBGRAPH.sample(200, np.random.default_rng(2))
    names = encoding.get_feature_names_out().tolist()
    found = encoding.transform(rows)
    graphs = NBGRAPH.graphs(rows)
    for row in range(len(rows)):
        edges, ops = graphs.adjacency[row], [graphs.names[o] for o in graphs.operations[row]]
        wanted: dict[str, int] = {}
        for node in range(1, len(ops) - 1):
            before, after = _longest_walk(edges.T, node), _longest_walk(edges, node)
            for what, place in (("depth", before), ("height", after)):
                name = f"{what}{place}[{ops[node]}]"
                wanted[name] = wanted.get(name, 0) + 1
        for column, name in enumerate(names):
            if name.startswith(("depth", "height")):
                assert found[row, column] == wanted.get(name, 0), name


def _longest_walk(edges: Mask, node: int) -> int:
    """Return the number of edges of the longest walk from a node to where no edge leads on."""
    return max((1 + _longest_walk(edges, n) for n in edges[node].nonzero()[0].tolist()), default=0)
