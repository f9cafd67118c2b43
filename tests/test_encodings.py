"""Encodings: by hand on NAS-Bench-201, brute force on the graphs, isomorphism on whole spaces."""

from __future__ import annotations

import time
from itertools import combinations, pairwise

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline

from workbench.encodings.graph_features import GraphFeatures
from workbench.encodings.hyperparameters import Hyperparameters
from workbench.encodings.one_hot import OneHot
from workbench.encodings.path import Path
from workbench.errors import NoGraph, ParameterError
from workbench.predictors.extra_trees import ExtraTrees
from workbench.spaces import Space, space
from workbench.testing._plugins import Layered
from workbench.types import Arch, Archs, Floats

NB201, NBGRAPH = space("nb201"), space("nbgraph")
NONE, SKIP, C1, C3, POOL = range(5)
# Edge list by node pairs, written down apart from the library: the official string's order.
EDGE = {(0, 1): 0, (0, 2): 1, (1, 2): 2, (0, 3): 3, (1, 3): 4, (2, 3): 5}
HAND = "|nor_conv_3x3~0|+|none~0|nor_conv_1x1~1|+|skip_connect~0|none~1|avg_pool_3x3~2|"


def _row(arch: Arch) -> Archs:
    return np.array([arch], dtype=np.int16)


def _on(encoding: OneHot | Path, arch: Arch) -> set[str]:
    names = encoding.get_feature_names_out()
    return {*names[encoding.transform(_row(arch))[0] == 1]}


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
    assert OneHot(NB201).transform(_row(arch))[0].nonzero()[0].tolist() == [3, 5, 12, 16, 20, 29]


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
    assert Path(NB201).transform(_row(arch)).shape == (1, 155)


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


def test_paths_of_graph_networks() -> None:
    arch = NBGRAPH.parse("0,0,1,2 gcn,gin,fc,cheb")
    assert _on(Path(NBGRAPH), arch) == {"gcn>fc", "gin>cheb"}


def test_graph_features_by_hand() -> None:
    """Live: the skip from input to output, and conv3x3 > conv1x1 > pool; two dead edges."""
    arch = NB201.parse(HAND)
    encoding = GraphFeatures(NB201, canonical=False)
    found = dict(
        zip(encoding.get_feature_names_out(), encoding.transform(_row(arch))[0], strict=True)
    )
    wanted = {
        "count[skip_connect]": 1,
        "count[nor_conv_3x3]": 1,
        "size": 10,
        "paths[skip_connect]": 1,
        "paths[nor_conv_1x1+nor_conv_3x3]": 0,
        "shortest[nor_conv_1x1+nor_conv_3x3]": 4,
        "longest[nor_conv_1x1+nor_conv_3x3+avg_pool_3x3]": 3,
        "paths[skip_connect+nor_conv_1x1+nor_conv_3x3+avg_pool_3x3]": 2,
        "into[skip_connect+avg_pool_3x3]": 2,
        "from[nor_conv_3x3]": 1,
        "max[kernel]": 4,
        "min[kernel]": 0,
        "sum[length]": 4,
        "mean[length]": 2,
        "exactly2[weighted]": 1,
        "rank[0]": 4,
        "rank[1]": 0,
        "rank[2]": -1,
        "unpooled.max": 0,
    }
    assert {name: found[name] for name in wanted} == wanted


def _slow_features(where: Space, arch: Arch, within: set[str]) -> list[float]:
    """Walk one graph node by node: number, shortest, longest and total cost of live paths."""
    graphs = where.graphs(_row(arch))
    ops = [graphs.names[o] for o in graphs.operations[0]]
    walks = [[ops.index("input")]]
    done = []
    while walks:
        walk = walks.pop()
        for node in graphs.adjacency[0][walk[-1]].nonzero()[0].tolist():
            if ops[node] == "output":
                done.append([ops[n] for n in walk[1:]])
            else:
                walks.append([*walk, node])
    live = [walk for walk in done if "none" not in walk]
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
    found = Hyperparameters(where).transform(_row(arch))[0]
    assert np.allclose(found, [0, 1, 1 / 3, 0.5, 0, 1, 1, 2 / 5, 1])


def test_inactive_numbers_are_told_apart() -> None:
    encoding = Hyperparameters(Layered())
    assert encoding.transform(_row((0, 1, 0, 0)))[0].tolist() == [0, 1, -1, -1]


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
