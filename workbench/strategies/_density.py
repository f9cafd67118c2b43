"""Kernel densities over architectures, as tables: one matrix of kernel values for each decision.

The kernels and the rule for their widths are those of statsmodels' ``KDEMultivariate``, which the
published BOHB uses: Aitchison and Aitken's for categorical decisions, a normal one for the others.
"""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr

from workbench.spaces import Space
from workbench.types import Archs, Decision, Floats


class Density:
    """A product-kernel density around some architectures.

    Parameters
    ----------
    space : Space
    archs : ndarray of shape (n, d)
        The points, at least one.
    min_bandwidth : float
        No kernel is narrower.

    Notes
    -----
    Ordered and logarithmic decisions lie at the middles of equal parts of [0, 1]. The width is
    1.06 * deviation * n**(-1 / (4 + d)) ("normal reference") of these, or of the indices where a
    decision is categorical; there it is at most (c - 1) / c of c values, where the kernel is flat.
    """

    def __init__(self, space: Space, archs: Archs, min_bandwidth: float) -> None:
        self._space = space
        self._points = np.asarray(archs)
        n, d = self._points.shape
        scale = 1.06 * n ** (-1 / (4 + d))
        self.bandwidths: list[float] = []
        for decision, column in zip(space.decisions, self._points.T, strict=True):
            width = float(scale * places(decision)[column].std())
            count = len(decision.values)
            most = (count - 1) / count if decision.kind == "categorical" else np.inf
            self.bandwidths.append(min(max(width, min_bandwidth), most))

    def at(self, archs: Archs) -> Floats:
        """Return the density at each, ``(m,)``: the mean over points of the product of kernels."""
        product = np.ones((len(archs), len(self._points)))
        each = zip(self._space.decisions, self.bandwidths, archs.T, self._points.T, strict=True)
        for decision, width, at, around in each:
            product *= kernel(decision, width)[at[:, None], around]
        return np.asarray(product.mean(axis=1))

    def draw(self, count: int, factor: float, rng: np.random.Generator) -> Archs:
        """Return architectures near the points, ``(count, d)``, which may break constraints.

        Each starts from a random point. A categorical value is kept with the chance 1 - width,
        else drawn among all; another one comes from the normal kernel widened by ``factor`` and cut
        off at 0 and 1.
        """
        around = self._points[rng.integers(len(self._points), size=count)]
        drawn = np.empty_like(around)
        for i, decision in enumerate(self._space.decisions):
            steps = jumps(decision, self.bandwidths[i], factor).cumsum(axis=1)[:, :-1]
            drawn[:, i] = (rng.random((count, 1)) >= steps[around[:, i]]).sum(axis=1)
        return drawn


def places(decision: Decision) -> Floats:
    """Return where the values of a decision lie: their indices, or points of [0, 1] if ordered."""
    indices = np.arange(len(decision.values), dtype=np.float64)
    return indices if decision.kind == "categorical" else (indices + 0.5) / len(indices)


def kernel(decision: Decision, width: float) -> Floats:
    """Return the kernel, ``(c, c)``: its value at one index around another one."""
    count = len(decision.values)
    if decision.kind == "categorical":
        flat = np.full((count, count), width / max(1, count - 1))
        return np.asarray(np.where(np.eye(count, dtype=np.bool_), 1 - width, flat))
    at = places(decision)
    away = (at[:, None] - at) / width
    return np.asarray(np.exp(-(away**2) / 2) / (width * np.sqrt(2 * np.pi)))


def jumps(decision: Decision, width: float, factor: float) -> Floats:
    """Return the chances, ``(c, c)``, of going from one index (row) to another (column)."""
    count = len(decision.values)
    if decision.kind == "categorical":
        return np.asarray((1 - width) * np.eye(count) + width / count)
    edges = np.arange(count + 1) / count
    below = ndtr((edges - places(decision)[:, None]) / (factor * width))
    mass = np.diff(below, axis=1)
    return np.asarray(mass / mass.sum(axis=1, keepdims=True))
