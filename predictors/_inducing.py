"""Gaussian processes that pass through few inducing rows.

Titsias, "Variational Learning of Inducing Variables in Sparse Gaussian Processes", AISTATS 2009.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy.linalg import LinAlgError, cholesky, solve_triangular

from workbench.predictors._kernels import Kernel
from workbench.types import Floats, Ints

JITTER = 1e-6


class _Factors(NamedTuple):
    """``lower`` of the inducing rows, ``A = lower^-1 K / sigma``, ``inner`` of ``B = I + A A'``."""

    lower: Floats
    inner: Floats
    A: Floats
    projected: Floats


def evidence_bound(
    kernel: Kernel, logs: Floats, compared: tuple[Any, Any], y: Floats
) -> tuple[float, Floats]:
    """Return the lower bound of the log marginal likelihood, and its gradient.

    ``logs`` as for ``log_likelihood``; ``compared`` holds the kernel's comparisons of the ``m``
    inducing rows with themselves and with the ``n`` labelled ones. It takes ``O(n m**2)``.
    """
    variance, noise = np.exp(logs[:2])
    within, between = (kernel.value(logs[2:], one) for one in compared)
    factors = _factors(variance * within, variance * between, noise, y)
    if factors is None:
        return -np.inf, np.zeros_like(logs)
    inner, A, projected = factors[1:]
    count, explained = len(y), float((A**2).sum())
    missed = count * variance / noise - explained
    value = -0.5 * (count * np.log(2 * np.pi * noise) + y @ y / noise - projected @ projected)
    value -= np.log(np.diag(inner)).sum() + missed / 2
    by_within, by_between, by_noise = _backward(factors, noise, y)
    by_noise += missed / (2 * noise)
    by_within, by_between = variance * by_within, variance * by_between
    gradient = [
        (by_within * within).sum() + (by_between * between).sum() - count * variance / (2 * noise),
        noise * by_noise,
    ]
    by_kernel = [
        kernel.backward(logs[2:], one, k, by)
        for one, k, by in zip(compared, (within, between), (by_within, by_between), strict=True)
    ]
    return float(value), np.concatenate([gradient, by_kernel[0] + by_kernel[1]])


def _backward(factors: _Factors, noise: float, y: Floats) -> tuple[Floats, Floats, float]:
    """Return derivatives of the bound by both covariances and by the noise of the fit.

    With ``Q = K' W^-1 K`` and ``P = W^-1 K`` they are ``-P H P'`` and ``2 P H``, where ``H`` is the
    derivative by ``Q``; no ``(n, n)`` matrix is formed.
    """
    lower, inner, A, projected = factors
    sigma = noise**0.5
    P = sigma * solve_triangular(lower, A, lower=True, trans=1, check_finite=False)
    solved = solve_triangular(inner, projected, lower=True, trans=1, check_finite=False)
    residual = (y - sigma * (A.T @ solved)) / noise
    half = solve_triangular(inner, A, lower=True, check_finite=False)
    full = solve_triangular(inner, half, lower=True, trans=1, check_finite=False)
    rest = solve_triangular(lower, A - full, lower=True, trans=1, check_finite=False) / sigma
    PH = 0.5 * (np.outer(P @ residual, residual) + rest)
    trace = (len(y) - (half**2).sum()) / noise
    return -PH @ P.T, 2 * PH, 0.5 * float(residual @ residual - trace)


class SparsePosterior:
    """A Gaussian process given targets, seen through inducing rows."""

    def __init__(self, kernel: Kernel, logs: Floats, inducing: Floats, data: Any) -> None:
        X, y = data
        self.kernel = kernel
        self.logs = logs
        self.rows = inducing
        self.variance, self.noise = np.exp(logs[:2])
        within = self._cross(inducing)
        noise = self.noise
        while (factors := _factors(within, self._cross(X).T, noise, y)) is None:
            noise *= 10
        self.lower, self.inner = factors.lower, factors.inner
        weights = solve_triangular(self.inner, factors.projected, lower=True, trans=1)
        self.weights = solve_triangular(self.lower, weights, lower=True, trans=1)

    def mean(self, X: Floats) -> Floats:
        """Return the expected targets of rows ``(m, k)``, shape ``(m,)``."""
        return np.asarray(self._cross(X) @ self.weights)

    def mean_and_std(self, X: Floats) -> tuple[Floats, Floats]:
        """Return expectations and deviations of new targets, noise included, ``(m,)`` each."""
        cross = self._cross(X)
        prior = solve_triangular(self.lower, cross.T, lower=True, check_finite=False)
        known = solve_triangular(self.inner, prior, lower=True, check_finite=False)
        left = self.variance - (prior**2).sum(0) + (known**2).sum(0)
        return cross @ self.weights, np.sqrt(np.maximum(left, 0) + self.noise)

    def _cross(self, X: Floats) -> Floats:
        value = self.kernel.value(self.logs[2:], self.kernel.compare(X, self.rows))
        return np.asarray(self.variance * value)


def spread_out(kernel: Kernel, X: Floats, most: int) -> Ints:
    """Return the indices of up to ``most`` rows that say most of the others, in order of choice.

    Each is the row of largest variance given those before, at hyperparameters of 1 (Burt, Rasmussen
    and van der Wilk, "Convergence of Sparse Variational Inference in Gaussian Processes
    Regression", JMLR 21, 2020). Rows that repeat are taken once.
    """
    logs = np.zeros(kernel.size)
    left, known, chosen = np.ones(len(X)), np.zeros((most, len(X))), []
    for step in range(min(most, len(X))):
        best = int(left.argmax())
        if left[best] < JITTER:
            break
        row = kernel.value(logs, kernel.compare(X[[best]], X))[0]
        known[step] = (row - known[:step, best] @ known[:step]) / left[best] ** 0.5
        left = left - known[step] ** 2
        left[best] = 0
        chosen.append(best)
    return np.array(chosen)


def _factors(within: Floats, between: Floats, noise: float, y: Floats) -> _Factors | None:
    steady = within + JITTER * np.eye(len(within))
    try:
        lower = cholesky(steady, lower=True, check_finite=False)
        A = solve_triangular(lower, between, lower=True, check_finite=False) / noise**0.5
        inner = cholesky(np.eye(len(A)) + A @ A.T, lower=True, check_finite=False)
    except LinAlgError:
        return None
    projected = solve_triangular(inner, A @ y, lower=True, check_finite=False) / noise**0.5
    return _Factors(lower, inner, A, projected)
