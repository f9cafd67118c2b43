"""Populations as batches of graphs for graph networks: one graph an isomorphism class."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from workbench.encodings._live import live
from workbench.encodings._wirings import ENDS
from workbench.spaces import Space
from workbench.types import Archs, Floats, Graphs, Ints, Mask

_RANKED = 1 << 63


class GraphBatch(NamedTuple):
    """Dense graphs: ``adjacency`` ``(n, v, v)``, from row to column, and ``operations`` ``(n, v)``.

    ``operations`` are -1 on nodes that are not there, and these have no edges.
    """

    adjacency: Mask
    operations: NDArray[np.int16]

    def edges(self) -> Tensor:
        """Return the adjacency as 0 and 1, ``(n, v, v)``."""
        return torch.from_numpy(self.adjacency.astype(np.float32))

    def one_hot(self, operations: int) -> Tensor:
        """Return the nodes' operations, ``(n, v, operations)``; 0 where there is no node."""
        places = np.arange(operations)
        return torch.from_numpy((self.operations[..., None] == places).astype(np.float32))


def distinct(space: Space, archs: Archs, canonical: bool) -> tuple[Archs, Ints]:
    """Return the different rows ``(u, d)`` and which of them each row is, ``(n,)``.

    With ``canonical`` each row counts as the representative of its isomorphism class.
    """
    if canonical:
        archs = space.canonical(archs)
    if space.cardinality > _RANKED:
        unique, inverse = np.unique(archs, axis=0, return_inverse=True)
        return unique, inverse.reshape(-1)
    _, first, inverse = np.unique(space.index(archs), return_index=True, return_inverse=True)
    return archs[first], inverse


def graph_batch(space: Space, archs: Archs, canonical: bool = True) -> tuple[GraphBatch, Ints]:
    """Return the graphs of the different rows and which of them each row is, ``(n,)``.

    Parameters
    ----------
    space : Space
        A space with graphs.
    archs : integer ndarray of shape (n, d)
        Architectures of it.
    canonical : bool, default True
        Take the representative of each isomorphism class and only what lies on a path from input
        to output that no ``none`` cuts. False takes graphs as they are written.

    Raises
    ------
    NoGraph
        The space has no graphs.
    """
    unique, inverse = distinct(space, archs, canonical)
    graphs = space.graphs(unique)
    if canonical:
        return live_part(graphs), inverse
    return GraphBatch(graphs.adjacency, graphs.operations), inverse


def live_part(graphs: Graphs) -> GraphBatch:
    """Return graphs without the nodes that no live path from input to output visits.

    Input and output stay.
    """
    seen = live(graphs)
    ends = np.isin(graphs.operations, [graphs.names.index(name) for name in ENDS])
    adjacency = graphs.adjacency & seen[:, :, None] & seen[:, None, :]
    operations = np.where(seen | ends, graphs.operations, -1)
    return GraphBatch(adjacency, operations.astype(np.int16))


def distances(adjacency: Mask) -> Ints:
    """Return the length of the shortest path from row to column, ``(n, v, v)``; -1 for none."""
    size = adjacency.shape[1]
    reached: Floats = np.broadcast_to(np.eye(size, dtype=np.float32), adjacency.shape)
    found = np.where(reached > 0, 0, -1)
    for length in range(1, size):
        reached = np.minimum(reached @ adjacency.astype(np.float32), 1)
        found = np.where((found < 0) & (reached > 0), length, found)
    return found
