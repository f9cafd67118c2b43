"""Embeddings by a transformer that fills in hidden operations with a similar network beside.

Yan, Song, Liu, Zhang and Zhang, "CATE: Computation-aware Neural Architecture Encoding with
Transformers", ICML 2021, arXiv:2102.07108.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from workbench.encodings._graph_batch import GraphBatch
from workbench.encodings._learned import Learned, Weights
from workbench.encodings._operations import operations_of
from workbench.encodings._parameters import check, check_integers
from workbench.optimise import initialised, minibatches, minimise, one_thread
from workbench.spaces import Space
from workbench.types import Floats

EXTRA = "torch"
_BATCH = 64
_RATE = 1e-3
_AT_ONCE = 2048
_HIDDEN = 0.3
_HEADS = 4
_FAR = -1e9


class Cate(Learned):
    """The mean over live nodes of what the encoder makes of an architecture alone.

    Pairs of architectures of nearly the same cost, the sum of squared kernel widths, go through a
    transformer each, whose attention follows the edges' transitive closure; then each through a
    second one that also sees its partner. Operations that were hidden in both are to be guessed.

    Parameters
    ----------
    space : Space
        A space with graphs.
    dimension : int, default 32
        Units of the transformer, a multiple of 4, and numbers an architecture.
    depth : int, default 3
        Layers of the first transformer; the second has one.
    epochs : int, default 8
        Passes over the architectures.
    window : int, default 8
        A partner is among so many neighbours in the order of cost.
    random_state : int, default 0
        Seed of weights, pairs and what is hidden. Another one learns other embeddings.
    """

    def __init__(
        self,
        space: Space,
        dimension: int = 32,
        depth: int = 3,
        epochs: int = 8,
        window: int = 8,
        random_state: int = 0,
    ) -> None:
        super().__init__(space)
        self.dimension = dimension
        self.depth = depth
        self.epochs = epochs
        self.window = window
        self.random_state = random_state

    def _check(self) -> None:
        super()._check()
        check_integers(self, 1, "depth", "window")
        check(self, "dimension", self.dimension % _HEADS == 0, f"a multiple of {_HEADS}")

    def _train(self, batch: GraphBatch, names: tuple[str, ...]) -> Weights:
        random = torch.Generator().manual_seed(self.random_state)
        order = torch.from_numpy(np.argsort(_cost(batch, names), kind="stable"))
        with one_thread():
            size = batch.operations.shape[1]
            network = initialised(lambda: self._network(len(names), size), random)
            tokens, masks = _tokens(batch), _masks(batch)
            rows = minibatches(len(order), _BATCH, random)
            steps = self.epochs * -(-len(order) // _BATCH)

            def loss() -> Tensor:
                place = next(rows)
                step = torch.randint(1, self.window + 1, place.shape, generator=random)
                partner = order[(place + step) % len(order)]
                one, other = order[place], partner
                found: Tensor = network.loss(
                    tokens[one], masks[one], tokens[other], masks[other], random
                )
                return found

            minimise(loss, list(network.parameters()), steps, _RATE)
        return {k: v.numpy().copy() for k, v in network.state_dict().items()}

    def _embed(self, weights: Weights, batch: GraphBatch) -> Floats:
        operations = weights["guess.weight"].shape[0]
        with torch.device("meta"):
            network = self._network(operations, batch.operations.shape[1])
        tensors = {k: torch.from_numpy(np.asarray(v)).double() for k, v in weights.items()}
        network.load_state_dict(tensors, assign=True)
        with one_thread(), torch.no_grad():
            parts = zip(
                torch.split(_tokens(batch), _AT_ONCE),
                torch.split(_masks(batch).double(), _AT_ONCE),
                strict=True,
            )
            return np.concatenate([network.embed(*part).numpy() for part in parts])

    def _network(self, operations: int, size: int) -> Any:
        return _Pair(operations, size, self.dimension, self.depth)


def _cost(batch: GraphBatch, names: tuple[str, ...]) -> Floats:
    """Return the sum of squared kernel widths over live nodes, ``(n,)``."""
    kernel = operations_of(names[:-2]).kernel
    squares = np.concatenate([kernel[:-1] ** 2, [0, 0, 0]])
    return np.asarray(squares[batch.operations].sum(1), dtype=np.float64)


def _tokens(batch: GraphBatch) -> Tensor:
    """Return operations from 1 up, ``(n, v)``; 0 where there is no node."""
    return torch.from_numpy(batch.operations.astype(np.int64) + 1)


def _masks(batch: GraphBatch) -> Tensor:
    """Return what is added to attention, ``(n, v, v)``: 0 along paths either way, else very low."""
    size = batch.adjacency.shape[1]
    reached = batch.adjacency | np.eye(size, dtype=np.bool_)
    for _ in range(max(1, (size - 1).bit_length())):
        reached = (reached.astype(np.float32) @ reached.astype(np.float32)) > 0
    seen = reached | reached.transpose(0, 2, 1)
    return torch.from_numpy(np.where(seen, 0.0, _FAR).astype(np.float32))


class _Layer(nn.Module):
    """Attention under a mask and a feed-forward part, each normalised first and added."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.before = nn.LayerNorm(width)
        self.mixed = nn.Linear(width, 3 * width)
        self.joined = nn.Linear(width, width)
        self.between = nn.LayerNorm(width)
        self.forward_part = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        n, v, width = x.shape
        mixed = self.mixed(self.before(x)).view(n, v, 3, _HEADS, width // _HEADS)
        query, key, value = mixed.permute(2, 0, 3, 1, 4)
        attended = functional.scaled_dot_product_attention(query, key, value, mask[:, None])
        x = x + self.joined(attended.transpose(1, 2).reshape(n, v, width))
        found: Tensor = x + self.forward_part(self.between(x))
        return found


class _Pair(nn.Module):
    def __init__(self, operations: int, size: int, width: int, depth: int) -> None:
        super().__init__()
        self.hidden = operations + 1
        self.tokens = nn.Embedding(operations + 2, width)
        self.places = nn.Parameter(torch.zeros(size, width))
        self.own = nn.ModuleList(_Layer(width) for _ in range(depth))
        self.cross = _Layer(width)
        self.last = nn.LayerNorm(width)
        self.guess = nn.Linear(width, operations)

    def encode(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Return what the first transformer makes of each node, ``(n, v, width)``."""
        x: Tensor = self.tokens(tokens) + self.places
        for layer in self.own:
            x = layer(x, mask)
        return x

    def embed(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Return the mean over nodes that are there, ``(n, width)``."""
        there = (tokens > 0).to(mask.dtype)[..., None]
        found: Tensor = self.last(self.encode(tokens, mask))
        return (found * there).sum(1) / there.sum(1).clamp(min=1)

    def loss(
        self, one: Tensor, mask: Tensor, other: Tensor, other_mask: Tensor, random: torch.Generator
    ) -> Tensor:
        """Return the cross-entropy of the operations that were hidden in both."""
        size = one.shape[1]
        both = torch.cat([one, other], dim=1)
        inner = (both > 0) & (both < self.hidden - 2)
        draw = torch.rand(both.shape, generator=random)
        covered = inner & (draw < _HIDDEN)
        shown = both.masked_fill(covered, self.hidden)
        halves = [
            self.encode(shown[:, :size], mask),
            self.encode(shown[:, size:], other_mask),
        ]
        there = both > 0
        allowed = torch.where(there[:, None, :] | torch.eye(2 * size, dtype=torch.bool), 0.0, _FAR)
        found: Tensor = self.guess(self.last(self.cross(torch.cat(halves, dim=1), allowed)))
        if not covered.any():
            return found.sum() * 0
        return functional.cross_entropy(found[covered], both[covered] - 1)
