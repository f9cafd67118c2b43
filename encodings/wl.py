"""Weisfeiler-Lehman subtrees: how often each occurs in the graph, up to a depth.

Shervashidze, Schweitzer, van Leeuwen, Mehlhorn and Borgwardt, "Weisfeiler-Lehman Graph Kernels",
JMLR 12, 2011; on architectures: Ru, Wan, Dong and Osborne, "Interpretable Neural Architecture
Search via Bayesian Optimisation with Weisfeiler-Lehman Kernels", 2020, arXiv:2006.07556.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import NotFittedError

from workbench.encodings._base import Encoding
from workbench.encodings._live import live
from workbench.encodings._parameters import check_bools, check_integers
from workbench.encodings._wirings import operation_names
from workbench.spaces import Space
from workbench.types import Archs, Floats, Graphs, Ints, Mask

Labels = NDArray[np.uint64]
_LISTABLE = 1 << 17
_CHUNK = 1 << 14


class WL(Encoding):
    """Counts of the subtrees that Weisfeiler-Lehman refinement finds in the live graph.

    The label of a node is its operation; with every iteration, the operation with the labels of
    the nodes that lead to it. Nodes on no path from input to output without ``none`` are left out.
    The products of two such rows are the Weisfeiler-Lehman subtree kernel.

    Parameters
    ----------
    space : Space
        A space with graphs.
    iterations : int, default 2
        Depth of the largest subtrees; 0 counts operations.
    canonical : bool, default True
        Describe each row by the representative of its isomorphism class, so that isomorphic
        architectures get the same features. False describes each row as it is written.
    max_features : int or None, default 512
        Subtrees counted, those that most architectures have; most subtrees of depth 2 belong to
        one or two architectures and say nothing of others. None counts all.

    Notes
    -----
    Which subtrees there are: all that occur in the space, where it has at most 131,072 rows, so
    that features mean the same after any ``fit``. Of a larger space, those of the architectures
    given to ``fit``; others that come up later are left out.
    """

    def __init__(
        self,
        space: Space,
        iterations: int = 2,
        canonical: bool = True,
        max_features: int | None = 512,
    ) -> None:
        super().__init__(space)
        self.iterations = iterations
        self.canonical = canonical
        self.max_features = max_features

    def fit(self, X: Archs, y: object = None) -> Self:  # noqa: ARG002
        """Learn which subtrees there are, from unlabelled architectures ``(n, d)``."""
        if _listable(self.space):
            self._known()
        else:
            self._check()
            graphs = self._graphs(self.space.check(X))
            self.vocabulary_ = _vocabulary(graphs, self.iterations, self.max_features)
        return self

    def depths(self) -> NDArray[np.int64]:
        """Return the depth of the subtree that each feature counts, ``(k,)``."""
        sizes = [len(labels) for labels, _ in self._known()]
        return np.repeat(np.arange(len(sizes)), sizes)

    def _encode(self, archs: Archs) -> Floats:
        known = self._known()
        out = np.zeros((len(archs), sum(len(labels) for labels, _ in known)))
        for start in range(0, len(archs), _CHUNK):
            rows = self._graphs(archs[start : start + _CHUNK])
            column = 0
            for (labels, _), found in zip(known, refined(rows, self.iterations), strict=True):
                _count(out[start : start + _CHUNK, column : column + len(labels)], found, labels)
                column += len(labels)
        return out

    def _names(self) -> list[str]:
        return [
            f"wl{depth}[{text}]" for depth, (_, texts) in enumerate(self._known()) for text in texts
        ]

    def _graphs(self, archs: Archs) -> Graphs:
        operation_names(self.space)
        return self.space.graphs(self.space.canonical(archs) if self.canonical else archs)

    def _known(self) -> list[Level]:
        self._check()
        if _listable(self.space):
            return _of_space(self.space, self.iterations, self.canonical, self.max_features)
        if not hasattr(self, "vocabulary_"):
            raise NotFittedError(
                f"{self.space.name} is too large to list: fit WL to some architectures first"
            )
        return self.vocabulary_

    def _check(self) -> None:
        check_integers(self, 0, "iterations")
        check_integers(self, 1, "max_features", optional=True)
        check_bools(self, "canonical")


class Level(NamedTuple):
    """The subtrees of one depth: sorted labels ``(k,)`` and their names."""

    labels: Labels
    names: tuple[str, ...]


def _listable(space: Space) -> bool:
    return space.cardinality <= _LISTABLE


def _of_space(space: Space, iterations: int, canonical: bool, most: int | None) -> list[Level]:
    archs = space.all()
    if canonical:
        archs = space.unrank(np.unique(space.index(space.canonical(archs))))
    return _vocabulary(space.graphs(archs), iterations, most)


def _vocabulary(graphs: Graphs, iterations: int, most: int | None) -> list[Level]:
    """Return the subtrees of each depth: of all, the ``most`` that most architectures have."""
    alive = live(graphs)
    levels: list[Level] = []
    spread: list[Ints] = []
    before, below = np.zeros_like(graphs.operations, dtype=np.uint64), {0: ""}
    for found in refined(graphs, iterations):
        labels, first = np.unique(found[alive], return_index=True)
        spread.append(_architectures(found, labels))
        texts = {}
        for label, row, node in zip(
            labels.tolist(), *(side[first] for side in np.nonzero(alive)), strict=True
        ):
            text = graphs.names[graphs.operations[row, node]]
            if levels:
                sources = np.flatnonzero(graphs.adjacency[row, :, node] & alive[row])
                text += "(" + ",".join(sorted(below[int(before[row, s])] for s in sources)) + ")"
            texts[label] = text
        levels.append(Level(labels, tuple(texts.values())))
        before, below = found, texts
    return _most_common(levels, spread, most)


def _architectures(found: Labels, labels: Labels) -> Ints:
    """Return how many architectures have each of the sorted labels."""
    ordered = np.sort(found, axis=1)
    new = np.diff(ordered, axis=1, prepend=np.uint64(0)) != 0
    return np.bincount(np.searchsorted(labels, ordered[new]), minlength=len(labels))


def _most_common(levels: list[Level], spread: list[Ints], most: int | None) -> list[Level]:
    order = np.argsort(-np.concatenate(spread), kind="stable")[:most]
    starts = np.cumsum([0, *map(len, spread)])
    kept = []
    for level, start, end in zip(levels, starts, starts[1:], strict=False):
        places = np.sort(order[(order >= start) & (order < end)]) - start
        kept.append(Level(level.labels[places], tuple(level.names[i] for i in places)))
    return kept


def refined(graphs: Graphs, iterations: int) -> Iterator[Labels]:
    """Yield the nodes' labels of each depth, ``(n, v)``; 0 where a node is not live.

    A label is a 64-bit number that the subtree determines: the sum of scrambled labels does not
    depend on their order. The chance that any two of a million subtrees share one is 1 in 10**7.
    """
    alive = live(graphs)
    own = _scrambled(graphs.operations.astype(np.int64).view(np.uint64) + np.uint64(1))
    labels = np.where(alive, own, np.uint64(0))
    yield labels
    for _ in range(iterations):
        labels = np.where(alive, _scrambled(own + _sums(_scrambled(labels), graphs, alive)), 0)
        yield labels


def _sums(values: Labels, graphs: Graphs, alive: Mask) -> Labels:
    masked = np.where(alive, values, np.uint64(0))
    out = np.zeros_like(values)
    for source in range(values.shape[1]):
        edges = graphs.adjacency[:, source]
        for target in np.flatnonzero(edges.any(0)):
            out[:, target] += np.where(edges[:, target], masked[:, source], np.uint64(0))
    return out


def _scrambled(values: Labels) -> Labels:
    """Return the finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014)."""
    values = values + np.uint64(0x9E3779B97F4A7C15)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(values ^ (values >> np.uint64(31)))


def _count(out: Floats, found: Labels, labels: Labels) -> None:
    """Add 1 to the column of every label that is known."""
    if not len(labels):
        return
    rows = np.arange(len(out))
    for node in range(found.shape[1]):
        places = np.minimum(np.searchsorted(labels, found[:, node]), len(labels) - 1)
        known = labels[places] == found[:, node]
        out[rows[known], places[known]] += 1
