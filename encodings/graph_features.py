"""Counts, path lengths, degrees and path weights of the graph: few numbers that say much.

The idea is that of Kadlecova, Lukasik, Pilat, Vidnerova, Safari, Neri and Hutter, "Surprisingly
Strong Performance Prediction with Neural Graph Features", ICML 2024, arXiv:2404.16551 (GRAF).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise, product

import numpy as np
from numpy.typing import NDArray

from workbench.encodings._base import Encoding
from workbench.encodings._operations import ALL_SETS_UP_TO, Operations, operations_of
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
      and all), within the nodes of the set: ``paths``, their number, and ``longest``, the length.
    - For each operation, all but one, and all: ``shortest``, the length of the shortest such path,
      ``into``, the in-degree of the output, ``from``, the out-degree of the input.
    - For weightings of operations (each one, those with weights, pooling, kernel width, length):
      ``max``, ``min`` and ``sum`` of the weights along live paths, and how many paths weigh exactly
      0, 1, 2 and 3; ``first`` and ``last``, the weights of the nodes that live paths begin and end
      with when identities are left out of them, each node once.
    - ``before`` and ``after``, for nodes with weights and for pooling: the fewest nodes with
      weights that come before, or after, each node on a live path, summed over the nodes.
    - ``next``: live nodes of one operation that feed a node of another, identities aside; with more
      than five operations, only nodes with weights and pooling are told apart.
    - ``depth`` and ``height``, with more than five operations: nodes of each operation by their
      place on the longest live path from the input, or to the output.
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
        yield from _of_sets(cells, operations)
        yield from _of_main_sets(cells, operations, far)
        yield from _of_weights(cells, operations, far)
        yield from _of_places(cells, operations)
        if len(operations.passing) > ALL_SETS_UP_TO:
            yield from _of_depths(cells, operations, far)
        pairs = [f"next[{a}>{b}]" for a, b in product(operations.kind_names, repeat=2)]
        yield pairs, cells.pairs(operations.kinds)
        yield [f"rank[{i}]" for i in range(_SORTED)], cells.largest(operations.kernel)
        if operations.pooling.any():
            unpooled = cells.live & (cells.along(operations.pooling[None])[0] == 0)
            width = np.where(unpooled, cells.along(operations.kernel[None])[0], 0)
            yield ["unpooled.max", "unpooled.sum"], np.stack([width.max(0), width.sum(0)])


class _Cells:
    """Architectures of one wiring: nodes first, architectures last in every array."""

    def __init__(self, wiring: Wiring, operations: NDArray[np.int16], of: Operations) -> None:
        self.orders = wiring.orders
        self.paths = wiring.paths.astype(np.float32)
        self.lengths = self.paths.sum(1)[:, None]
        self.nodes = np.where(np.asarray(wiring.paths.any(0))[:, None], operations.T, -1)
        self.live: Mask = np.equal(self.along(of.cut[None])[0], 0)
        self.first = np.isin(np.arange(len(self.nodes)), [o[0] for o in wiring.orders if o])
        self.last = np.isin(np.arange(len(self.nodes)), [o[-1] for o in wiring.orders if o])
        alive = np.asarray((wiring.paths.T[:, :, None] & self.live).any(1))
        self.alive = np.where(alive, self.nodes, -1)

    def along(self, weights: Rows) -> Rows:
        """Return the sum of each weighting ``(k, o + 1)`` along each path, ``(k, p, n)``."""
        return np.asarray(self.paths @ weights[:, self.nodes])

    def within(self, sets: Rows) -> Mask:
        """Return which live paths use operations of each set only, ``(k, p, n)``."""
        return np.equal(self.along(1 - sets), 0) & self.live

    def depths(self, back: bool) -> Rows:
        """Return the place of each node on the longest live path to it, from 1, ``(v, n)``.

        Backwards, on the longest one from it. 0 where a node lies on no live path.
        """
        found = np.zeros(self.nodes.shape, dtype=np.float32)
        for order, live in zip(self.orders, self.live, strict=True):
            for place, node in enumerate(order[::-1] if back else order, start=1):
                found[node] = np.maximum(found[node], place * live)
        return found

    def ahead(self, weights: Rows, back: bool) -> Rows:
        """Return the least sums over what precedes each node on a live path, ``(k, v, n)``.

        Backwards, over what follows it. Infinite where a node lies on no live path.
        """
        orders = [order[::-1] if back else order for order in self.orders]
        steps = [(path, node) for path, order in enumerate(orders) for node in order]
        before = np.zeros((len(steps), len(self.nodes)), dtype=np.float32)
        parts = (order[:place] for order in orders for place in range(len(order)))
        for row, part in zip(before, parts, strict=True):
            row[list(part)] = 1
        sums = before @ weights[:, self.nodes]
        least = np.full((len(weights), *self.nodes.shape), np.inf, dtype=np.float32)
        for step, (path, node) in enumerate(steps):
            here = np.where(self.live[path], sums[:, step], np.inf)
            least[:, node] = np.minimum(least[:, node], here)
        return least

    def pairs(self, kinds: Rows) -> Rows:
        """Return how many live nodes of each kind feed a node of each kind, ``(k * k, n)``."""
        edges = sorted({edge for order in self.orders for edge in pairwise(order)})
        inside = kinds[:, self.alive]
        found = np.zeros((len(kinds), len(kinds), inside.shape[2]), dtype=np.float32)
        for source, target in edges:
            found += inside[:, None, source] * inside[None, :, target]
        return found.reshape(-1, inside.shape[2])

    def counts(self, of: Operations) -> Rows:
        return np.asarray(of.singles[:, self.alive].sum(1))

    def size(self, of: Operations) -> Rows:
        return np.asarray((of.kernel**2)[None, self.nodes].sum(1))

    def largest(self, weights: Rows) -> Rows:
        """Return the largest sums along live paths, in order, ``(4, n)``; -1 where none is left."""
        sums = np.where(self.live, self.along(weights[None])[0], -1)
        missing = np.full((_SORTED, sums.shape[1]), -1, dtype=np.float32)
        return -np.sort(-np.concatenate([sums, missing]), axis=0)[:_SORTED]


def _of_sets(cells: _Cells, of: Operations) -> Iterator[tuple[list[str], Rows]]:
    usable = cells.within(of.sets)
    yield _each("paths", of.set_names), usable.sum(1, dtype=np.float32)
    yield _each("longest", of.set_names), np.where(usable, cells.lengths, 0).max(1)


def _of_main_sets(cells: _Cells, of: Operations, far: int) -> Iterator[tuple[list[str], Rows]]:
    inside = of.main[:, cells.alive]
    shortest = np.where(cells.within(of.main), cells.lengths, far).min(1)
    yield _each("shortest", of.main_names), shortest
    yield _each("into", of.main_names), inside[:, cells.last].sum(1)
    yield _each("from", of.main_names), inside[:, cells.first].sum(1)


def _of_weights(cells: _Cells, of: Operations, far: int) -> Iterator[tuple[list[str], Rows]]:
    along = cells.along(of.weights)
    most = far * of.weights.max(1)[:, None, None]
    yield _each("max", of.weight_names), np.where(cells.live, along, -1).max(1)
    yield _each("min", of.weight_names), np.where(cells.live, along, most).min(1)
    yield _each("sum", of.weight_names), np.where(cells.live, along, 0).sum(1)
    for value in range(_HISTOGRAM):
        exact = ((along == value) & cells.live).sum(1, dtype=np.float32)
        yield _each(f"exactly{value}", of.weight_names), exact


def _of_depths(cells: _Cells, of: Operations, far: int) -> Iterator[tuple[list[str], Rows]]:
    inside = of.singles[:, cells.alive]
    for what, places in (("depth", cells.depths(False)), ("height", cells.depths(True))):
        for place in range(1, far):
            names = [f"{what}{place}[{name}]" for name in of.passing]
            yield names, (inside * (places == place)).sum(1)


def _of_places(cells: _Cells, of: Operations) -> Iterator[tuple[list[str], Rows]]:
    groups = {"weighted": of.weighted, "pooling": of.pooling}
    groups = {name: group for name, group in groups.items() if group.any()}
    inside = np.stack([*groups.values()])[:, cells.alive]
    changing = of.changing[cells.alive] > 0
    for end, side, back in (("first", "before", False), ("last", "after", True)):
        weighted, changed = cells.ahead(np.stack([of.weighted, of.changing]), back)
        ends = np.where(changing & (changed == 0), cells.alive, -1)
        yield _each(end, of.weight_names), of.weights[:, ends].sum(1)
        fewest = np.where(cells.alive >= 0, weighted, 0)
        yield _each(side, tuple(groups)), (inside * fewest).sum(1)


def _each(what: str, names: tuple[str, ...]) -> list[str]:
    return [f"{what}[{name}]" for name in names]
