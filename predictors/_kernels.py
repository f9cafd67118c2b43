"""Covariance functions with their gradients, of variance 1 on the diagonal.

Rasmussen and Williams, "Gaussian Processes for Machine Learning", 2006, chapter 4.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np

from workbench.types import Floats

_ROOT3, _ROOT5 = 3**0.5, 5**0.5
_FEW = 64


class Kernel(ABC):
    """A covariance of rows that depends on the logarithms of positive hyperparameters, ``(p,)``.

    ``compare`` does what no hyperparameter changes, once; ``value`` is called with its result at
    every step of learning, and ``backward`` after it. Gradients go backwards, from a derivative by
    the covariance matrix to one by hyperparameters: a lengthscale a feature costs a matrix product.
    """

    size: int
    """Number of hyperparameters."""

    @abstractmethod
    def compare(self, A: Floats, B: Floats) -> Any:
        """Return what is known of all pairs of rows before hyperparameters are."""

    @abstractmethod
    def value(self, logs: Floats, compared: Any) -> Floats:
        """Return the covariance of all pairs, ``(n, m)``."""

    @abstractmethod
    def backward(self, logs: Floats, compared: Any, value: Floats, by_value: Floats) -> Floats:
        """Return the derivative by ``logs``, ``(p,)``, given that by the value, ``(n, m)``."""


class Stationary(Kernel):
    """A function of the distance, with one lengthscale; mean squared differences of features."""

    size = 1

    def compare(self, A: Floats, B: Floats) -> Any:
        return squared_distances(A, B) / A.shape[1]

    def value(self, logs: Floats, compared: Any) -> Floats:
        return self.of_squares(compared * np.exp(-2 * logs[0]))

    def backward(self, logs: Floats, compared: Any, value: Floats, by_value: Floats) -> Floats:
        squares = compared * np.exp(-2 * logs[0])
        slopes = self.slopes(squares, value)
        return np.array([-2 * np.einsum("ij,ij,ij->", by_value, slopes, squares)])

    @abstractmethod
    def of_squares(self, squares: Floats) -> Floats:
        """Return the covariance at squared distances in units of the lengthscale."""

    @abstractmethod
    def slopes(self, squares: Floats, value: Floats) -> Floats:
        """Return the derivative of the covariance by the squared distance."""


class RBF(Stationary):
    """``exp(-r**2 / 2)``."""

    def of_squares(self, squares: Floats) -> Floats:
        return np.exp(-squares / 2)

    def slopes(self, squares: Floats, value: Floats) -> Floats:  # noqa: ARG002
        return -value / 2


class Matern32(Stationary):
    """``(1 + s) exp(-s)`` with ``s = sqrt(3) r``."""

    def of_squares(self, squares: Floats) -> Floats:
        scaled = _ROOT3 * np.sqrt(squares)
        return (1 + scaled) * np.exp(-scaled)

    def slopes(self, squares: Floats, value: Floats) -> Floats:
        return -1.5 * value / (1 + _ROOT3 * np.sqrt(squares))


class Matern52(Stationary):
    """``(1 + s + s**2 / 3) exp(-s)`` with ``s = sqrt(5) r``."""

    def of_squares(self, squares: Floats) -> Floats:
        scaled = _ROOT5 * np.sqrt(squares)
        return (1 + scaled + squares * (5 / 3)) * np.exp(-scaled)

    def slopes(self, squares: Floats, value: Floats) -> Floats:
        scaled = _ROOT5 * np.sqrt(squares)
        return -(5 / 6) * value * (1 + scaled) / (1 + scaled + squares * (5 / 3))


class Hamming(Stationary):
    """``exp(-d)``, where ``d`` is the part of the features that differ over the lengthscale."""

    def compare(self, A: Floats, B: Floats) -> Any:
        return 1 - _equal(A, B) / A.shape[1]

    def of_squares(self, squares: Floats) -> Floats:
        return np.exp(-squares)

    def slopes(self, squares: Floats, value: Floats) -> Floats:  # noqa: ARG002
        return -value


KERNELS: dict[str, Callable[[], Stationary]] = {
    "matern52": Matern52,
    "matern32": Matern32,
    "rbf": RBF,
    "hamming": Hamming,
}


class Relevance(Kernel):
    """A stationary kernel with a lengthscale for each of ``size`` features."""

    def __init__(self, base: Stationary, size: int) -> None:
        self.base = base
        self.size = size

    def compare(self, A: Floats, B: Floats) -> Any:
        return A, B

    def value(self, logs: Floats, compared: Any) -> Floats:
        return self.base.of_squares(self._squares(logs, compared))

    def backward(self, logs: Floats, compared: Any, value: Floats, by_value: Floats) -> Floats:
        A, B = compared
        weights = by_value * self.base.slopes(self._squares(logs, compared), value)
        squares = weights.sum(1) @ A**2 + weights.sum(0) @ B**2
        total = squares - 2 * np.einsum("ik,ik->k", A, weights @ B)
        return np.asarray(-2 * np.exp(-2 * logs) * total / self.size)

    def _squares(self, logs: Floats, compared: Any) -> Floats:
        scale = np.exp(-logs)
        return squared_distances(compared[0] * scale, compared[1] * scale) / self.size


def squared_distances(A: Floats, B: Floats) -> Floats:
    """Return squared distances of all pairs, ``(n, m)``."""
    found = A @ (-2 * B.T)
    found += (A**2).sum(1)[:, None]
    found += (B**2).sum(1)
    return np.maximum(found, 0, out=found)


def _equal(A: Floats, B: Floats) -> Floats:
    """Return how many features of each pair are equal, ``(n, m)``."""
    found = np.zeros((len(A), len(B)))
    bits: tuple[list[Any], list[Any]] = ([], [])
    for a, b in zip(A.T, B.T, strict=True):
        values = np.unique(b)
        if len(values) > _FEW:
            found += a[:, None] == b
            continue
        for side, column in zip(bits, (a, b), strict=True):
            side.append(column[:, None] == values)
    if bits[0]:
        left, right = (np.concatenate(side, axis=1).astype(np.float32) for side in bits)
        found += left @ right.T
    return found
