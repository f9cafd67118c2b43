"""Embeddings by a variational graph autoencoder that never saw a score.

Yan, Zheng, Ao, Zeng and Zhang, "Does Unsupervised Architecture Representation Learning Help Neural
Architecture Search?", NeurIPS 2020, arXiv:2006.06936.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from workbench.encodings._graph_batch import GraphBatch
from workbench.encodings._learned import Learned, Weights
from workbench.encodings._parameters import check_integers
from workbench.optimise import initialised, minibatches, minimise, one_thread
from workbench.spaces import Space
from workbench.types import Floats

EXTRA = "torch"
_BATCH = 32
_RATE = 3e-3
_AT_ONCE = 4096
_BELIEF = 0.005


class Arch2Vec(Learned):
    """The mean of the posterior of each node, averaged over the live graph.

    The encoder is a graph isomorphism network (Xu et al. 2018, arXiv:1810.00826) on edges in both
    directions; the decoder gives back operations, by softmax, and edges, by inner products.

    Parameters
    ----------
    space : Space
        A space with graphs.
    dimension : int, default 32
        Numbers a node, and so an architecture.
    width, depth : int, default 64 and 3
        Units and layers of the encoder.
    epochs : int, default 20
        Passes over the architectures.
    random_state : int, default 0
        Seed of weights and batches. Another one learns other embeddings.
    """

    def __init__(
        self,
        space: Space,
        dimension: int = 32,
        width: int = 64,
        depth: int = 3,
        epochs: int = 20,
        random_state: int = 0,
    ) -> None:
        super().__init__(space)
        self.dimension = dimension
        self.width = width
        self.depth = depth
        self.epochs = epochs
        self.random_state = random_state

    def _check(self) -> None:
        super()._check()
        check_integers(self, 1, "width", "depth")

    def _train(self, batch: GraphBatch, names: tuple[str, ...]) -> Weights:
        random = torch.Generator().manual_seed(self.random_state)
        with one_thread():
            network = initialised(lambda: self._network(len(names)), random)
            edges, nodes = batch.edges(), batch.one_hot(len(names))
            steps = self.epochs * -(-len(edges) // _BATCH)
            rows = minibatches(len(edges), _BATCH, random)

            def loss() -> Tensor:
                some = next(rows)
                found: Tensor = network.loss(nodes[some], edges[some], random)
                return found

            minimise(loss, list(network.parameters()), steps, _RATE)
        return {k: v.numpy().copy() for k, v in network.state_dict().items()}

    def _embed(self, weights: Weights, batch: GraphBatch) -> Floats:
        operations = weights["layers.0.0.weight"].shape[1]
        with torch.device("meta"):
            network = self._network(operations)
        tensors = {k: torch.from_numpy(np.asarray(v)).double() for k, v in weights.items()}
        network.load_state_dict(tensors, assign=True)
        with one_thread(), torch.no_grad():
            parts = zip(
                torch.split(batch.one_hot(operations).double(), _AT_ONCE),
                torch.split(batch.edges().double(), _AT_ONCE),
                strict=True,
            )
            return np.concatenate([network.embed(*part).numpy() for part in parts])

    def _network(self, operations: int) -> Any:
        return _Autoencoder(operations, self.width, self.depth, self.dimension)


class _Autoencoder(nn.Module):
    def __init__(self, operations: int, width: int, depth: int, dimension: int) -> None:
        super().__init__()
        sizes = [operations, *[width] * depth]
        self.layers = nn.ModuleList(
            nn.Sequential(nn.Linear(a, width), nn.ReLU(), nn.Linear(width, b), nn.ReLU())
            for a, b in pairwise(sizes)
        )
        self.center = nn.Linear(width, dimension)
        self.spread = nn.Linear(width, dimension)
        self.operations = nn.Linear(dimension, operations)

    def posterior(self, nodes: Tensor, edges: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log variance of every node, ``(n, v, dimension)``."""
        both = edges + edges.transpose(1, 2)
        for layer in self.layers:
            nodes = layer(nodes + both @ nodes)
        return self.center(nodes), self.spread(nodes)

    def embed(self, nodes: Tensor, edges: Tensor) -> Tensor:
        """Return the mean over nodes that are there, ``(n, dimension)``."""
        there = nodes.sum(-1, keepdim=True)
        mean, _ = self.posterior(nodes, edges)
        return (mean * there).sum(1) / there.sum(1).clamp(min=1)

    def loss(self, nodes: Tensor, edges: Tensor, random: torch.Generator) -> Tensor:
        """Return the negative evidence lower bound of a node: reconstructions and a little KL."""
        mean, log_variance = self.posterior(nodes, edges)
        noise = torch.randn(mean.shape, generator=random)
        code = mean + noise * (log_variance / 2).exp()
        there = nodes.sum(-1)
        # A code's product with itself is never negative: the diagonal could not be learned.
        pairs = there[:, :, None] * there[:, None, :] * (1 - torch.eye(there.shape[1]))
        named = functional.cross_entropy(
            self.operations(code).flatten(0, 1), nodes.argmax(-1).flatten(), reduction="none"
        )
        links = functional.binary_cross_entropy_with_logits(
            code @ code.transpose(1, 2), edges + edges.transpose(1, 2), reduction="none"
        )
        kl = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(-1)
        count = there.sum()
        return (
            (named * there.flatten()).sum() / count
            + (links * pairs).sum() / pairs.sum()
            + _BELIEF * (kl * there).sum() / count
        )
