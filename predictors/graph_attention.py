"""A graph transformer: nodes attend to each other, biased by how far apart they are.

Ying, Cai, Luo, Zheng, Ke, He, Shen and Liu, "Do Transformers Really Perform Bad for Graph
Representation?", 2021, arXiv:2106.05234 (Graphormer); attention beside convolution as in Akhauri
and Abdelfattah, "Encodings for Prediction-based Neural Architecture Search", 2024,
arXiv:2403.02484 (FLAN).
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from numpy.random import RandomState
from scipy.stats import loguniform
from torch import Tensor, nn

from workbench.encodings._graph_batch import GraphBatch, distances
from workbench.encodings._parameters import check_integers
from workbench.predictors._graph_network import GraphNetwork
from workbench.predictors._losses import Loss
from workbench.predictors._targets import Transform
from workbench.predictors._tuning import SearchSpace
from workbench.spaces import Space

EXTRA = "torch"
_FAR = 4


class GraphAttention(GraphNetwork):
    """Layers of attention over the nodes, each beside a sum over neighbours.

    Parameters
    ----------
    space : Space
        A space with graphs.
    canonical : bool, default True
        Take the representative of each isomorphism class without its dead nodes, so that
        isomorphic architectures get the same prediction.
    depth, width, heads : int, default 3, 48 and 4
        Layers, units in each, and heads of attention, which divide the units.
    epochs : int, default 50
        Passes over the rows: at least 200 steps and at most 10,000.
    batch_size : int, default 32
        Rows of a step.
    learning_rate : float, default .003
        Of Adam; it falls to 0 along a cosine.
    weight_decay : float, default .5
        Decoupled from the gradient.
    loss : {"mae", "mse", "hinge", "listmle"}, default "mae"
        Absolute or squared error, pairwise hinge, or likelihood of the ranking. The outputs of the
        last two are mapped to the targets by a rising line.
    target_transform : {None, "rank", "quantile"}, default "quantile"
        What the targets are fitted as.
    random_state : int, RandomState or None
        Seed; the state of torch is neither read nor changed.
    """

    SEARCH_SPACE: ClassVar[SearchSpace] = {
        "depth": [1, 2, 3],
        "width": [32, 64],
        "learning_rate": loguniform(1e-3, 3e-2),
        "weight_decay": [0.0, 0.1, 0.5],
    }

    def __init__(
        self,
        space: Space | None = None,
        canonical: bool = True,
        depth: int = 3,
        width: int = 48,
        heads: int = 4,
        epochs: int = 50,
        batch_size: int = 32,
        learning_rate: float = 0.003,
        weight_decay: float = 0.5,
        loss: Loss = "mae",
        target_transform: Transform | None = "quantile",
        random_state: int | RandomState | None = None,
    ) -> None:
        self.space = space
        self.canonical = canonical
        self.depth = depth
        self.width = width
        self.heads = heads
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.loss = loss
        self.target_transform = target_transform
        self.random_state = random_state

    def _check_parameters(self) -> None:
        super()._check_parameters()
        check_integers(self, 1, "heads")
        divides = self.width % self.heads == 0
        self._check("heads", divides, f"an integer that divides the width, {self.width}")

    def _inputs(self, batch: GraphBatch) -> tuple[Tensor, ...]:
        return batch.edges(), relations(batch), batch.one_hot(self._operations())

    def _network(self) -> nn.Module:
        return _Transformer(self._operations(), self.depth, self.width, self.heads)


def relations(batch: GraphBatch) -> Tensor:
    """Return what nodes are to each other, ``(n, v, v)``: 0 to 4 so far ahead, 5 to 8 behind.

    Distances beyond 4 count as 4; 9 is no path either way, 10 a node that is not there.
    """
    ahead = distances(batch.adjacency)
    behind = ahead.transpose(0, 2, 1)
    found = np.full(ahead.shape, 2 * _FAR + 1)
    found[behind > 0] = _FAR + np.minimum(behind, _FAR)[behind > 0]
    found[ahead >= 0] = np.minimum(ahead, _FAR)[ahead >= 0]
    missing = np.broadcast_to(batch.operations[:, None, :] < 0, found.shape)
    return torch.from_numpy(np.where(missing, 2 * _FAR + 2, found))


class _Transformer(nn.Module):
    """Graphs to numbers ``(n,)``."""

    def __init__(self, operations: int, depth: int, width: int, heads: int) -> None:
        super().__init__()
        self.embedding = nn.Linear(operations, width)
        self.layers = nn.ModuleList(_Layer(width, heads) for _ in range(depth))
        self.readout = nn.Linear(2 * width, width)
        self.head = nn.Linear(width, 1)

    def forward(self, edges: Tensor, related: Tensor, nodes: Tensor) -> Tensor:
        there, is_output = nodes.sum(dim=2, keepdim=True), nodes[:, :, -1:]
        kinds = nn.functional.one_hot(related, 2 * _FAR + 3).to(nodes.dtype)
        states = self.embedding(nodes) * there
        for layer in self.layers:
            states = layer(edges, kinds, states) * there
        read = torch.cat([states.sum(dim=1) / 4, (states * is_output).sum(dim=1)], dim=1)
        values: Tensor = self.head(torch.relu(self.readout(read)))
        return values[:, 0]


class _Layer(nn.Module):
    """Attention and a sum over neighbours, then a perceptron; both are added to what comes in."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width)
        self.project = nn.Linear(width, 3 * width)
        self.bias = nn.Linear(2 * _FAR + 3, heads, bias=False)
        self.mix = nn.Linear(3 * width, width)
        self.inner = nn.Linear(width, width)

    def forward(self, edges: Tensor, kinds: Tensor, states: Tensor) -> Tensor:
        normal = self.norm(states)
        near = [edges.mT @ states / 2, edges @ states / 2]
        states = states + self.mix(torch.cat([self._attended(kinds, normal), *near], dim=2))
        return torch.add(states, self.inner(states.relu()))

    def _attended(self, kinds: Tensor, states: Tensor) -> Tensor:
        count, size, width = states.shape
        projected: Tensor = self.project(states)
        split = projected.view(count, size, 3, self.heads, width // self.heads)
        query, key, value = split.permute(2, 0, 3, 1, 4)
        odds = query @ key.mT * (width // self.heads) ** -0.5 + self.bias(kinds).movedim(3, 1)
        absent = kinds[:, None, :, :, -1] > 0
        share = odds.masked_fill(absent, -1e9).softmax(dim=-1)
        gathered: Tensor = share @ value
        return gathered.transpose(1, 2).reshape(count, size, width)
