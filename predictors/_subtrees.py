"""Populations as the Weisfeiler-Lehman subtrees that they share with labelled ones."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import csr_array

from workbench.encodings.wl import Labels, refined
from workbench.predictors._kernels import Kernel, Matern52
from workbench.spaces import Space
from workbench.types import Archs, Floats


class Subtrees(NamedTuple):
    """Counts of known subtrees ``(n, k)`` and the squared length of all counts, ``(n,)``."""

    counts: Any
    squares: Floats


class Forestry:
    """The labels of the subtrees of a population, up to a depth.

    Isomorphic architectures count as one; subtrees that no known architecture has matter only for
    the length of a row.
    """

    def __init__(self, space: Space, archs: Archs, depth: int) -> None:
        self.space = space
        self.depth = depth
        self.labels = [np.unique(found[found > 0]) for found in self._refined(archs)]

    def of(self, archs: Archs) -> Subtrees:
        """Return the subtrees of a population."""
        squares = np.zeros(len(archs))
        rows, columns, start = [], [], 0
        for labels, found in zip(self.labels, self._refined(archs), strict=True):
            squares += _squares(found)
            places = np.minimum(np.searchsorted(labels, found), len(labels) - 1)
            row, node = np.nonzero(labels[places] == found if len(labels) else found < 0)
            rows.append(row)
            columns.append(start + places[row, node])
            start += len(labels)
        row, column = np.concatenate(rows), np.concatenate(columns)
        counts = csr_array((np.ones(len(row)), (row, column)), shape=(len(archs), start))
        return Subtrees(counts, squares)

    def _refined(self, archs: Archs) -> list[Labels]:
        graphs = self.space.graphs(self.space.canonical(archs))
        return list(refined(graphs, self.depth))


def products(A: Subtrees, B: Subtrees) -> Floats:
    """Return the subtree kernel of all pairs, ``(n, m)``."""
    return np.asarray(A.counts @ B.counts.T.toarray())


def _squares(found: Labels) -> Floats:
    """Return the sum of squared counts of each row: pairs of nodes with one label."""
    alive = found > 0
    total = np.zeros(len(found))
    for node in range(found.shape[1]):
        total += ((found == found[:, node, None]) & alive).sum(1)
    return total


class SubtreeProduct(Kernel):
    """The normalised product of counts; it has no hyperparameter.

    An architecture without any live node is like itself and like no other.
    """

    size = 0

    def compare(self, A: Any, B: Any) -> Any:
        none = np.outer(A.squares == 0, B.squares == 0)
        lengths = np.outer(np.maximum(A.squares, 1), np.maximum(B.squares, 1)) ** 0.5
        return products(A, B) / lengths + none

    def value(self, logs: Floats, compared: Any) -> Floats:  # noqa: ARG002
        return np.asarray(compared)

    def backward(self, *_: Any) -> Floats:
        return np.zeros(0)


class SubtreeMatern(Matern52):
    """A Matern kernel of the distance between counts.

    Distances are in units of ``SCALE`` so that a lengthscale of 1 is a fair guess.
    """

    SCALE = 20.0

    def compare(self, A: Any, B: Any) -> Any:
        found = A.squares[:, None] + B.squares - 2 * products(A, B)
        return np.maximum(found, 0) / self.SCALE
