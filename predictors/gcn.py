"""A graph convolutional network on architectures, as in BRP-NAS; it may rank by pairs.

Dudziak, Chau, Abdelfattah, Lee, Kim and Lane, "BRP-NAS: Prediction-based NAS using GCNs", 2020,
arXiv:2007.08668.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, ClassVar

import torch
from numpy.random import RandomState
from scipy.stats import loguniform
from torch import Tensor, nn

from workbench.encodings._graph_batch import GraphBatch
from workbench.predictors._graph_network import GraphNetwork
from workbench.predictors._losses import Loss
from workbench.predictors._targets import Transform
from workbench.predictors._tuning import SearchSpace
from workbench.spaces import Space

EXTRA = "torch"
_NODES = 4


class GCN(GraphNetwork):
    """Nodes gather what comes along edges, in both directions.

    The graph is read off its output node and the sum of all nodes.

    Parameters
    ----------
    space : Space
        A space with graphs.
    relation : bool, default False
        Learn which of two architectures is better, by softmax over the two, instead of values;
        ``loss`` is not used then. An architecture's score is the mean log-odds of its winning
        against those of the training set, shown first and shown second.
    canonical : bool, default True
        Take the representative of each isomorphism class without its dead nodes, so that
        isomorphic architectures get the same prediction.
    depth, width : int, default 4 and 64
        Convolutions and units in each. The authors' are 4 and 600.
    epochs : int, default 60
        Passes over the rows: at least 200 steps and at most 10,000.
    batch_size : int, default 32
        Rows of a step; with ``relation`` all pairs of these.
    learning_rate : float, default .003
        Of Adam; it falls to 0 along a cosine.
    weight_decay : float, default .5
        Decoupled from the gradient.
    loss : {"mae", "mse", "hinge", "listmle"}, default "mae"
        Absolute or squared error, pairwise hinge, or likelihood of the ranking. Outputs without
        a unit are mapped to the targets by a rising line.
    target_transform : {None, "rank", "quantile"}, default None
        What the targets are fitted as.
    random_state : int, RandomState or None
        Seed; the state of torch is neither read nor changed.
    """

    SEARCH_SPACE: ClassVar[SearchSpace] = {
        "depth": [2, 3, 4],
        "width": [32, 64, 128],
        "learning_rate": loguniform(1e-3, 3e-2),
        "weight_decay": [0.0, 0.1, 0.5],
        "relation": [False, True],
    }

    def __init__(
        self,
        space: Space | None = None,
        relation: bool = False,
        canonical: bool = True,
        depth: int = 4,
        width: int = 64,
        epochs: int = 60,
        batch_size: int = 32,
        learning_rate: float = 0.003,
        weight_decay: float = 0.5,
        loss: Loss = "mae",
        target_transform: Transform | None = None,
        random_state: int | RandomState | None = None,
    ) -> None:
        self.space = space
        self.relation = relation
        self.canonical = canonical
        self.depth = depth
        self.width = width
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.loss = loss
        self.target_transform = target_transform
        self.random_state = random_state

    def _inputs(self, batch: GraphBatch) -> tuple[Tensor, ...]:
        return batch.edges(), batch.one_hot(self._operations())

    def _network(self) -> nn.Module:
        network = Convolutions(self._operations(), self.depth, self.width)
        return _Relation(network, self.width) if self.relation else _Value(network, self.width)

    def _ranks(self) -> bool:
        return self.relation or super()._ranks()

    def _loss_of(self, network: Any, inputs: list[Tensor], targets: Tensor) -> Tensor:
        if not self.relation:
            return super()._loss_of(network, inputs, targets)
        return pair_loss(network.pairs(*inputs), targets)


class Convolutions(nn.Module):
    """Graphs to embeddings ``(n, width)``.

    What a node gathers is added up and not averaged: how many paths there are counts (Xu, Hu,
    Leskovec and Jegelka, "How Powerful are Graph Neural Networks?", 2018, arXiv:1810.00826).
    """

    def __init__(self, operations: int, depth: int, width: int) -> None:
        super().__init__()
        sizes = [operations, *[width] * depth]
        self.layers = nn.ModuleList(nn.Linear(3 * a, b) for a, b in pairwise(sizes))
        self.readout = nn.Linear(2 * width, width)

    def forward(self, edges: Tensor, nodes: Tensor) -> Tensor:
        """Take edges ``(n, v, v)`` and one-hot nodes ``(n, v, operations)``, the output last."""
        there, is_output = nodes.sum(dim=2, keepdim=True), nodes[:, :, -1:]
        onward, back = edges.mT / 2, edges / 2
        for layer in self.layers:
            gathered = torch.cat([nodes, onward @ nodes, back @ nodes], dim=2)
            nodes = layer(gathered).relu() * there
        total, output = nodes.sum(dim=1) / _NODES, (nodes * is_output).sum(dim=1)
        return torch.relu(self.readout(torch.cat([total, output], dim=1)))


class _Value(nn.Module):
    def __init__(self, network: nn.Module, width: int) -> None:
        super().__init__()
        self.network = network
        self.head = nn.Linear(width, 1)

    def forward(self, *inputs: Tensor) -> Tensor:
        values: Tensor = self.head(self.network(*inputs))
        return values[:, 0]


class _Relation(nn.Module):
    """The binary relation: two embeddings, side by side, to the logits of either being better."""

    def __init__(self, network: nn.Module, width: int) -> None:
        super().__init__()
        self.network = network
        self.head = nn.Linear(2 * width, 2)

    def pairs(self, *inputs: Tensor) -> Tensor:
        """Return the logits of all pairs, ``(n, n, 2)``."""
        embedded: Tensor = self.network(*inputs)
        first, second = self.head.weight.chunk(2, dim=1)
        return (embedded @ first.T)[:, None] + (embedded @ second.T)[None] + self.head.bias

    def forward(self, *inputs: Tensor) -> Tensor:
        """Return scores ``(n,)`` whose differences are the mean log-odds of winning.

        The head is linear, so that the log-odds of a pair, over both orders, are the difference of
        two numbers, and the mean over any opponents is one of them less a constant.
        """
        first, second = self.head.weight.chunk(2, dim=1)
        odds = (first[0] - first[1] - second[0] + second[1]) / 2
        return torch.mv(self.network(*inputs), odds)


def pair_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the mean cross-entropy of all pairs' logits ``(n, n, 2)``, equal targets left out."""
    lead = (targets[:, None] - targets[None]).sign()
    likely = logits.log_softmax(dim=2)
    right = torch.where(lead > 0, likely[..., 0], likely[..., 1])
    return -(right * lead.abs()).sum() / lead.abs().sum().clamp(min=1)
