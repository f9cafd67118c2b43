"""Weisfeiler-Lehman subtrees against dictionaries, networkx and isomorphism."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from workbench.encodings.wl import WL
from workbench.errors import NoGraph, ParameterError
from workbench.spaces import Space, space
from workbench.types import Arch, Archs, Decision, Graphs

nx: Any = pytest.importorskip("networkx")
NB201, NBGRAPH = space("nb201"), space("nbgraph")
SPACES = pytest.mark.parametrize("where", [NB201, NBGRAPH], ids=["nb201", "nbgraph"])


def _sample(where: Space, n: int = 60) -> Archs:
    return where.sample(n, np.random.default_rng(0))


def _live_graph(where: Space, arch: Arch) -> Any:
    """Return the graph without what no path from input to output reaches, by networkx."""
    graphs = where.graphs(np.array([arch], dtype=np.int16))
    names = [graphs.names[o] for o in graphs.operations[0]]
    graph: Any = nx.from_numpy_array(graphs.adjacency[0].astype(int), create_using=nx.DiGraph)
    nx.set_node_attributes(graph, dict(enumerate(names)), "label")
    graph.remove_nodes_from([n for n, name in enumerate(names) if name == "none"])
    start, end = names.index("input"), names.index("output")
    fed, used = {start} | nx.descendants(graph, start), {end} | nx.ancestors(graph, end)
    graph.remove_nodes_from([*{*graph} - (fed & used)])
    return graph


def _slow(where: Space, arch: Arch, iterations: int) -> Counter[str]:
    """Write every subtree out, node by node."""
    graph = _live_graph(where, arch)
    labels = {node: graph.nodes[node]["label"] for node in graph}
    own, counts = dict(labels), Counter(f"wl0[{text}]" for text in labels.values())
    for depth in range(1, iterations + 1):
        labels = {
            node: f"{own[node]}({','.join(sorted(labels[p] for p in graph.predecessors(node)))})"
            for node in graph
        }
        counts += Counter(f"wl{depth}[{text}]" for text in labels.values())
    return counts


@SPACES
@pytest.mark.parametrize("iterations", [0, 1, 2])
def test_counts_against_subtrees_written_out(where: Space, iterations: int) -> None:
    encoding = WL(where, iterations, canonical=False, max_features=None)
    rows = _sample(where)
    names = encoding.get_feature_names_out()
    for arch, found in zip(map(tuple, rows.tolist()), encoding.transform(rows), strict=True):
        assert dict(zip(names[found > 0], found[found > 0], strict=True)) == _slow(
            where, arch, iterations
        )


@pytest.mark.filterwarnings("ignore:The hashes produced for directed graphs")
def test_same_rows_where_networkx_hashes_are_equal() -> None:
    """Equal counts at every depth are equal multisets of networkx's subgraph hashes."""
    encoding = WL(NB201, 2, canonical=False, max_features=None)
    rows = _sample(NB201, 150)
    found = encoding.transform(rows)
    hashes = []
    for arch in map(tuple, rows.tolist()):
        per_node = nx.weisfeiler_lehman_subgraph_hashes(
            _live_graph(NB201, arch),
            node_attr="label",
            iterations=2,
            include_initial_labels=True,
        )
        hashes.append(sorted(one for some in per_node.values() for one in some))
    for i in range(len(rows)):
        same = [hashes[i] == other for other in hashes]
        assert same == (found == found[i]).all(axis=1).tolist()


@SPACES
def test_isomorphic_architectures_get_the_same_row(where: Space) -> None:
    rows = _sample(where, 500)
    encoding = WL(where)
    assert (encoding.transform(rows) == encoding.transform(where.canonical(rows))).all()


def test_rows_as_written_tell_isomorphic_architectures_apart() -> None:
    """A skip is contracted in the representative only."""
    rows = NB201.all()
    moved = rows[(NB201.canonical(rows) != rows).any(axis=1)]
    written, same = WL(NB201, canonical=False), NB201.canonical(moved)
    assert (written.transform(moved) != written.transform(same)).any()


def test_what_lies_on_no_live_path_is_left_out() -> None:
    arch = NB201.parse("|none~0|+|nor_conv_3x3~0|none~1|+|skip_connect~0|nor_conv_1x1~1|none~2|")
    encoding = WL(NB201, 1, canonical=False)
    row = encoding.transform(np.array([arch], dtype=np.int16))[0]
    assert {*encoding.get_feature_names_out()[row > 0]} == {
        "wl0[input]",
        "wl0[skip_connect]",
        "wl0[output]",
        "wl1[input()]",
        "wl1[skip_connect(input)]",
        "wl1[output(skip_connect)]",
    }


def test_the_most_common_subtrees_are_kept() -> None:
    every, some = WL(NB201, max_features=None), WL(NB201, max_features=100)
    classes = NB201.unrank(np.unique(NB201.index(NB201.canonical(NB201.all()))))
    common = (every.transform(classes) > 0).sum(axis=0)
    names = every.get_feature_names_out()
    kept = np.isin(names, some.get_feature_names_out())
    assert kept.sum() == 100
    assert common[kept].min() >= common[~kept].max()
    assert (some.transform(classes) == every.transform(classes)[:, kept]).all()


class _Large(Space):
    """A chain of 40 operations: too many rows to list."""

    def __init__(self) -> None:
        super().__init__("chains", [Decision(f"op{i}", ("a", "b")) for i in range(40)])

    def graphs(self, archs: Archs) -> Graphs:
        one = np.eye(42, k=1, dtype=np.bool_)
        ends = np.tile(np.array([2, 3], dtype=np.int16), (len(archs), 1))
        operations = np.concatenate([ends[:, :1], archs, ends[:, 1:]], axis=1)
        return Graphs(
            np.broadcast_to(one, (len(archs), 42, 42)), operations, ("a", "b", "input", "output")
        )


def test_subtrees_of_a_large_space_are_learned() -> None:
    where = _Large()
    rows = np.zeros((3, 40), dtype=np.int16)
    with pytest.raises(NotFittedError, match="fit WL to some architectures"):
        WL(where).transform(rows)
    encoding = WL(where, iterations=1).fit(rows)
    names = ["wl0[a]", "wl0[input]", "wl0[output]", "wl1[a(a)]", "wl1[a(input)]"]
    assert {*names} < {*encoding.get_feature_names_out()}
    unseen = encoding.transform(rows + 1)
    assert unseen.sum() == 9, "input and output at depth 0, input alone at depth 1"


@pytest.mark.parametrize(
    ("parameters", "name"), [({"iterations": -1}, "iterations"), ({"max_features": 0}, "max_feat")]
)
def test_wrong_parameters_are_named(parameters: dict[str, Any], name: str) -> None:
    with pytest.raises(ParameterError, match=f"The '{name}.*' parameter of WL"):
        WL(NB201, **parameters).fit(_sample(NB201))


def test_spaces_without_graphs_are_refused() -> None:
    with pytest.raises(NoGraph):
        WL(space("fcnet")).fit(_sample(space("fcnet")))


def test_speed() -> None:
    """All 15,625 cells in .3 s on one core, with a margin for a busy machine."""
    encoding, rows = WL(NB201), NB201.all()
    encoding.transform(rows)
    start = time.process_time()
    encoding.transform(rows)
    assert time.process_time() - start < 0.6
