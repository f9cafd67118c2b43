"""Counts, path lengths, degrees and path weights of the graph: few numbers that say much.

The idea is that of Kadlecova, Lukasik, Pilat, Vidnerova, Safari, Neri and Hutter, "Surprisingly
Strong Performance Prediction with Neural Graph Features", ICML 2024, arXiv:2404.16551 (GRAF).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from workbench.encodings._base import Encoding
from workbench.encodings._operations import Operations, operations_of
from workbench.encodings._wirings import Wiring, longest_path, operation_names, wirings
from workbench.spaces import Space
from workbench.types import Archs, Floats, Mask

Rows = NDArray[np.float32]
_HISTOGRAM = 4
_SORTED = 4


class GraphFeatures(Encoding):
    """Hand-made features of the live part of each graph, the paths from input to output.

    Parameters
    ----------
    space : Space
        A space with graphs.
    canonical : bool, default True
        Describe each row by the representative of its isomorphism class, so that isomorphic
        architectures get the same features. False describes each row as it is written.

    Notes
    -----
    A path is live where no operation on it is ``none``; what lies on no live path is left out.

    - ``count``: nodes of each operation; ``size``: sum of squared kernel widths, dead nodes too.
    - For sets of operations (all of them for up to five operations, else each one, all but one,
      and all), within the nodes of the set: ``paths``, their number, ``shortest`` and ``longest``,
      their lengths, ``into``, the in-degree of the output, ``from``, the out-degree of the input.
    - For weightings of operations (each one, those with weights, pooling, kernel width, length):
      ``max``, ``min``, ``sum`` and ``mean`` of the weights along live paths, and how many paths
      weigh exactly 0, 1, 2 and 3.
    - ``rank``: the four largest kernel widths along paths; ``unpooled``: largest and total kernel
      width over paths without pooling, where the space has pooling.

    Where there is no such path, ``shortest`` and ``min`` hold a number beyond any that can be and
    the others 0, or -1 for ``max`` and ``rank``.
    """

    def __init__(self, space: Space, canonical: bool = True) -> None:
        super().__init__(space)
        self.canonical = canonical

    def _encode(self, archs: Archs) -> Floats:
        if not self.canonical or self.space.cardinality > 1 << 63:
            return self._describe(self.space.canonical(archs) if self.canonical else archs)
        index = self.space.index(self.space.canonical(archs))
        unique, inverse = np.unique(index, return_inverse=True)
        return self._describe(self.space.unrank(unique))[inverse]

    def _describe(self, archs: Archs) -> Floats:
        operations = operations_of(operation_names(self.space))
        graphs = self.space.graphs(archs)
        out = np.empty((len(archs), len(self._names())))
        for part in wirings(graphs):
            cells = _Cells(part, graphs.operations[part.rows], operations)
            features = [values for _, values in self._features(cells, operations)]
            out[part.rows] = np.concatenate(features).T
        return out

    def _names(self) -> list[str]:
        row = self.space.sample(1, np.random.default_rng(0))
        operations = operations_of(operation_names(self.space))
        graphs = self.space.graphs(row)
        cells = _Cells(next(wirings(graphs)), graphs.operations, operations)
        return [name for names, _ in self._features(cells, operations) for name in names]

    def _features(self, cells: _Cells, operations: Operations) -> Iterator[tuple[list[str], Rows]]:
        yield [f"count[{name}]" for name in operations.passing], cells.counts(operations)
        yield ["size"], cells.size(operations)
        far = longest_path(self.space) + 1
        yield from _of_sets(cells, operations, far)
        yield from _of_weights(cells, operations, far)
        yield [f"rank[{i}]" for i in range(_SORTED)], cells.largest(operations.kernel)
        if operations.pooling.any():
            unpooled = cells.live & (cells.along(operations.pooling[None])[0] == 0)
            width = np.where(unpooled, cells.along(operations.kernel[None])[0], 0)
            yield ["unpooled.max", "unpooled.sum"], np.stack([width.max(0), width.sum(0)])


class _Cells:
    """Architectures of one wiring: nodes first, architectures last in every array."""

    def __init__(self, wiring: Wiring, operations: NDArray[np.int16], of: Operations) -> None:
        self.paths = wiring.paths.astype(np.float32)
        self.lengths = self.paths.sum(1)[:, None]
        self.nodes = np.where(np.asarray(wiring.paths.any(0))[:, None], operations.T, -1)
        self.live: Mask = np.equal(self.along(of.cut[None])[0], 0)
        alive = np.asarray((wiring.paths.T[:, :, None] & self.live).any(1))
        self.alive = np.where(alive, self.nodes, -1)
        self.first = np.isin(np.arange(len(self.nodes)), [o[0] for o in wiring.orders if o])
        self.last = np.isin(np.arange(len(self.nodes)), [o[-1] for o in wiring.orders if o])

    def along(self, weights: Rows) -> Rows:
        """Return the sum of each weighting ``(k, o + 1)`` along each path, ``(k, p, n)``."""
        return np.asarray(self.paths @ weights[:, self.nodes])

    def counts(self, of: Operations) -> Rows:
        return np.asarray(of.singles[:, self.alive].sum(1))

    def size(self, of: Operations) -> Rows:
        return np.asarray((of.kernel**2)[None, self.nodes].sum(1))

    def largest(self, weights: Rows) -> Rows:
        """Return the largest sums along live paths, in order, ``(4, n)``; -1 where none is left."""
        sums = np.where(self.live, self.along(weights[None])[0], -1)
        missing = np.full((_SORTED, sums.shape[1]), -1, dtype=np.float32)
        return -np.sort(-np.concatenate([sums, missing]), axis=0)[:_SORTED]


def _of_sets(cells: _Cells, of: Operations, far: int) -> Iterator[tuple[list[str], Rows]]:
    usable = (cells.along(1 - of.sets) == 0) & cells.live
    inside = of.sets[:, cells.alive]
    yield _each("paths", of.set_names), usable.sum(1, dtype=np.float32)
    yield _each("shortest", of.set_names), np.where(usable, cells.lengths, far).min(1)
    yield _each("longest", of.set_names), np.where(usable, cells.lengths, 0).max(1)
    yield _each("into", of.set_names), inside[:, cells.last].sum(1)
    yield _each("from", of.set_names), inside[:, cells.first].sum(1)


def _of_weights(cells: _Cells, of: Operations, far: int) -> Iterator[tuple[list[str], Rows]]:
    along = cells.along(of.weights)
    total = np.where(cells.live, along, 0).sum(1)
    most = far * of.weights.max(1)[:, None, None]
    yield _each("max", of.weight_names), np.where(cells.live, along, -1).max(1)
    yield _each("min", of.weight_names), np.where(cells.live, along, most).min(1)
    yield _each("sum", of.weight_names), total
    yield _each("mean", of.weight_names), total / np.maximum(cells.live.sum(0), 1)
    for value in range(_HISTOGRAM):
        exact = ((along == value) & cells.live).sum(1, dtype=np.float32)
        yield _each(f"exactly{value}", of.weight_names), exact


def _each(what: str, names: tuple[str, ...]) -> list[str]:
    return [f"{what}[{name}]" for name in names]
