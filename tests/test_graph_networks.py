"""Predictors on graphs and sequences against loops; their contracts run elsewhere."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from tests.small_spaces import Variable
from tests.test_neural_predictors import NB201, ON_ARCHITECTURES, _cells, _small
from workbench.encodings._graph_batch import distances, graph_batch
from workbench.errors import NoGraph
from workbench.optimise import initialised
from workbench.predictors.gcn import GCN, Convolutions, pair_loss
from workbench.predictors.graph_attention import GraphAttention, relations
from workbench.predictors.seminas import SemiNAS
from workbench.spaces import space

# Graphs ------------------------------------------------------------------------------------------


def _paths_live(row: Any) -> set[int]:
    """Return the edges of a cell that lie on a path without ``none``, by listing its paths."""
    paths = [(3,), (0, 4), (1, 5), (0, 2, 5)]
    return {edge for path in paths if all(row[e] != 0 for e in path) for edge in path}


def test_dead_nodes_are_left_out() -> None:
    archs = NB201.sample(200, np.random.default_rng(0))
    batch, place = graph_batch(NB201, archs)
    for row, which in zip(NB201.canonical(archs), place, strict=True):
        live = _paths_live(row)
        expected = [row[e] if e in live else -1 for e in range(6)]
        assert batch.operations[which].tolist() == [5, *expected, 6]
        there = batch.operations[which] >= 0
        assert not batch.adjacency[which][~there].any()
        assert not batch.adjacency[which][:, ~there].any()
    whole, _ = graph_batch(NB201, archs, canonical=False)
    assert (whole.operations >= 0).all()


def test_distances_are_those_of_scipy() -> None:
    from scipy.sparse.csgraph import shortest_path

    batch, _ = graph_batch(NB201, NB201.sample(20, np.random.default_rng(0)))
    for found, adjacency in zip(distances(batch.adjacency), batch.adjacency, strict=True):
        expected = shortest_path(adjacency.astype(float), unweighted=True)
        assert (found == np.where(np.isinf(expected), -1, expected)).all()


def test_relations_tell_ahead_from_behind() -> None:
    batch, _ = graph_batch(NB201, np.full((1, 6), 3, dtype=np.int16))
    found = relations(batch)[0]
    assert found[0, 7] == 2
    assert found[7, 0] == 6
    assert found[1, 2] == 9
    batch, _ = graph_batch(NB201, np.array([[0, 0, 0, 3, 0, 0]], dtype=np.int16))
    assert (relations(batch)[0][:, batch.operations[0] < 0] == 10).all()


@pytest.mark.parametrize("cls", ON_ARCHITECTURES)
def test_isomorphic_architectures_get_the_same_prediction(cls: Any) -> None:
    X, y = _cells(50)
    every = NB201.all()
    index = NB201.index(NB201.canonical(every))
    found = _small(cls).fit(X, y).predict(every)
    first = np.unique(index, return_index=True)[1]
    of_class = dict(zip(index[first].tolist(), found[first].tolist(), strict=True))
    assert (found == [of_class[i] for i in index.tolist()]).all()
    plain = _small(cls).set_params(canonical=False).fit(X, y).predict(every)
    assert len(np.unique(plain)) > len(first)


def test_convolution_is_that_of_a_loop() -> None:
    """Node by node: itself, half the sum of those before it, half the sum of those after it."""
    batch, _ = graph_batch(NB201, NB201.sample(6, np.random.default_rng(0)))
    network = initialised(lambda: Convolutions(7, 2, 5), torch.Generator().manual_seed(0))
    with torch.no_grad():
        found = network(batch.edges(), batch.one_hot(7)).numpy()
    weights = {k: v.numpy() for k, v in network.state_dict().items()}
    for graph in range(len(found)):
        nodes = {v: np.eye(7)[o] for v, o in enumerate(batch.operations[graph]) if o >= 0}
        edges = [(a, b) for a, b in np.argwhere(batch.adjacency[graph])]
        for layer in range(2):
            zero = np.zeros_like(nodes[0])
            weight, bias = weights[f"layers.{layer}.weight"], weights[f"layers.{layer}.bias"]
            gathered = {
                v: np.concatenate(
                    [
                        state,
                        sum((nodes[a] for a, b in edges if b == v), zero) / 2,
                        sum((nodes[b] for a, b in edges if a == v), zero) / 2,
                    ]
                )
                for v, state in nodes.items()
            }
            nodes = {v: np.maximum(weight @ g + bias, 0) for v, g in gathered.items()}
        read = np.concatenate([sum(nodes.values()) / 4, nodes[7]])
        expected = weights["readout.weight"] @ read + weights["readout.bias"]
        assert found[graph] == pytest.approx(np.maximum(expected, 0), abs=1e-5)


def test_order_of_nodes_does_not_matter() -> None:
    batch, _ = graph_batch(NB201, NB201.sample(20, np.random.default_rng(0)))
    order = np.random.default_rng(1).permutation(8)
    moved = type(batch)(batch.adjacency[:, order][:, :, order], batch.operations[:, order])
    for model in (GCN(NB201), GraphAttention(NB201)):
        random = torch.Generator().manual_seed(0)
        network = initialised(model._network, random)
        with torch.no_grad():
            outputs = [network(*model._inputs(b)).numpy() for b in (batch, moved)]
        assert outputs[0] == pytest.approx(outputs[1], abs=1e-5)
        assert np.ptp(outputs[0]) > 0.01


def test_relation_ranks_as_all_pairs_do() -> None:
    """Scores against brute force: softmax of each pair in both orders, mean log-odds of winning."""
    X, y = _cells(40)
    model = GCN(NB201, relation=True, random_state=0).fit(X, y)
    network = initialised(model._network, torch.Generator().manual_seed(0))
    network.load_state_dict({k: torch.from_numpy(v) for k, v in model.weights_.items()})
    more = _cells(30, seed=1)[0]
    both, place = graph_batch(NB201, np.concatenate([X, more]))
    with torch.no_grad():
        pairs = network.pairs(*model._inputs(both)).double()  # type: ignore[operator]
    likely = pairs.softmax(dim=2).numpy()[place][:, place]
    odds = np.log(likely[..., 0] / likely[..., 1])
    score = ((odds - odds.T) / 2)[40:, :40].mean(axis=1)
    found = model.predict(more)
    slope, shift = np.polyfit(score, found, 1)
    assert slope > 0
    assert found == pytest.approx(slope * score + shift, abs=1e-3 * y.std())


def test_pair_loss_is_that_of_a_loop() -> None:
    rng = np.random.default_rng(0)
    logits, y = rng.standard_normal((6, 6, 2)), np.array([0.0, 1, 2, 2, 5, -1])
    terms = []
    for i in range(6):
        for j in range(6):
            if y[i] != y[j]:
                likely = np.exp(logits[i, j]) / np.exp(logits[i, j]).sum()
                terms.append(-np.log(likely[0 if y[i] > y[j] else 1]))
    found = pair_loss(torch.from_numpy(logits), torch.from_numpy(y))
    assert float(found) == pytest.approx(np.mean(terms))


@pytest.mark.parametrize("cls", [GCN, GraphAttention])
def test_spaces_without_graphs_are_refused(cls: Any) -> None:
    with pytest.raises(NoGraph):
        cls(space("fcnet")).fit(space("fcnet").sample(5, np.random.default_rng(0)), np.arange(5.0))


@pytest.mark.parametrize("cls", [GCN, GraphAttention, SemiNAS])
def test_graph_networks_learn_other_spaces(cls: Any) -> None:
    """NAS-Bench-Graph, whose wirings differ: the number of ``gat`` is learned."""
    where = space("nbgraph")
    archs = where.sample(200, np.random.default_rng(0))
    graphs = where.graphs(archs)
    y = (graphs.operations == graphs.names.index("gat")).sum(1).astype(float)
    found = cls(where, random_state=0).fit(archs[:120], y[:120]).predict(archs[120:])
    assert np.corrcoef(found, y[120:])[0, 1] > 0.7


# SemiNAS -----------------------------------------------------------------------------------------


def test_decoder_restores_what_was_encoded() -> None:
    """One decision in five would be right by chance; the decoder gets nearly all."""
    X, y = _cells(100)
    model = SemiNAS(NB201, canonical=False, trade_off=0.2, random_state=0).fit(X, y)
    more, _ = _cells(200, seed=1)
    assert (model.reconstruct(more) == more).mean() > 0.95
    assert NB201.valid(model.reconstruct(more)).all()


def test_unlabelled_architectures_change_what_is_learned() -> None:
    X, y = _cells(30)
    found = [SemiNAS(NB201, unlabelled=u, random_state=0).fit(X, y).predict(X) for u in (0, 50)]
    assert (found[0] != found[1]).any()


@pytest.mark.parametrize("where", [space("fcnet"), space("mlp"), Variable()])
def test_sequences_of_any_space_are_learned(where: Any) -> None:
    archs = where.sample(100, np.random.default_rng(0))
    y = archs[:, 1] + 0.1 * archs[:, 0]
    model = SemiNAS(where, unlabelled=50, random_state=0).fit(archs[:70], y[:70])
    assert np.corrcoef(model.predict(archs[70:]), y[70:])[0, 1] > 0.5
