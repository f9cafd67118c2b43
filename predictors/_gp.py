"""The Gaussian process that several predictors share: marginal likelihood and predictions.

Rasmussen and Williams, "Gaussian Processes for Machine Learning", 2006, algorithm 2.1 and
section 5.4.1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from scipy.linalg import LinAlgError, cholesky, lapack, solve_triangular
from scipy.optimize import minimize

from workbench.predictors._kernels import Kernel
from workbench.types import Floats

JITTER = 1e-8
_CHUNK = 1024
_STEPS = 60
_FAR = 10.0

Objective = Callable[[Floats], tuple[float, Floats]]


class Prior(NamedTuple):
    """Independent normal distributions of the logarithms of hyperparameters, ``(2 + p,)`` each.

    The first is the variance of the process, the second that of the noise; the kernel's follow.
    They keep few labels from driving a hyperparameter to where the data no longer say anything.
    """

    mean: Floats
    deviation: Floats

    def of(self, logs: Floats) -> tuple[float, Floats]:
        """Return the logarithm of the density, up to a constant, and its gradient."""
        away = (logs - self.mean) / self.deviation
        return -0.5 * float(away @ away), -away / self.deviation


def log_likelihood(
    kernel: Kernel, logs: Floats, compared: Any, y: Floats, errors: Floats | float = 0.0
) -> tuple[float, Floats]:
    """Return the logarithm of the marginal likelihood of targets ``(n,)``, and its gradient.

    ``logs`` holds the logarithms of the variance of the process, of that of the noise, and of the
    kernel's hyperparameters; ``compared`` is the kernel's comparison of the rows with themselves;
    ``errors`` are known variances of the targets beside the noise. Where the covariance is not
    positive definite in floating point, the likelihood is 0.
    """
    variance, noise = np.exp(logs[:2])
    covariance = kernel.value(logs[2:], compared)
    lower = _factor(variance * covariance, noise + errors)
    if lower is None:
        return -np.inf, np.zeros_like(logs)
    weights = _solve(lower, y)
    value = -0.5 * (y @ weights) - np.log(np.diag(lower)).sum() - len(y) / 2 * np.log(2 * np.pi)
    by_total = 0.5 * (np.outer(weights, weights) - _inverse(lower))
    by_value = variance * by_total
    gradient = np.concatenate(
        [
            [np.einsum("ij,ij->", by_value, covariance), noise * np.trace(by_total)],
            kernel.backward(logs[2:], compared, covariance, by_value),
        ]
    )
    return float(value), gradient


def learn(objective: Objective, prior: Prior) -> Floats:
    """Return the logarithms of hyperparameters that maximise objective and prior, from its mean."""

    def loss(logs: Floats) -> tuple[float, Floats]:
        value, gradient = objective(logs)
        more, more_gradient = prior.of(logs)
        if not np.isfinite(value):
            return 1e25, np.zeros_like(logs)
        return -(value + more), -(gradient + more_gradient)

    bounds = [(m - _FAR, m + _FAR) for m in prior.mean.tolist()]
    found = minimize(
        loss,
        prior.mean,
        jac=True,
        method="L-BFGS-B",
        bounds=bounds,
        options={"maxiter": _STEPS, "ftol": 1e-6, "gtol": 1e-3},
    )
    return np.asarray(found.x)


class Posterior:
    """A Gaussian process given rows and targets.

    Parameters
    ----------
    kernel : Kernel
        Of variance 1.
    logs : ndarray of shape (2 + p,)
        As for ``log_likelihood``.
    X : ndarray of shape (n, k)
        Rows, or whatever the kernel compares.
    y : ndarray of shape (n,)
        Targets.
    errors : ndarray of shape (n,) or float, default 0
        Known variances of the targets beside the noise.
    """

    def __init__(
        self, kernel: Kernel, logs: Floats, X: Any, y: Floats, errors: Floats | float = 0.0
    ) -> None:
        self.kernel = kernel
        self.logs = logs
        self.rows = X
        self.variance, self.noise = np.exp(logs[:2])
        covariance = self.variance * kernel.value(logs[2:], kernel.compare(X, X))
        noise, lower = self.noise, None
        while (lower := _factor(covariance, noise + errors)) is None:
            noise = max(10 * noise, JITTER)
        self.lower = lower
        self.weights = _solve(lower, y)

    def mean(self, X: Any) -> Floats:
        """Return the expected targets of rows ``(m, k)``, shape ``(m,)``."""
        return np.asarray(self._cross(X) @ self.weights)

    def mean_and_std(self, X: Any) -> tuple[Floats, Floats]:
        """Return expectations and deviations of new targets, noise included, ``(m,)`` each."""
        cross = self._cross(X)
        known = solve_triangular(self.lower, cross.T, lower=True, check_finite=False)
        left = np.maximum(self.variance - np.einsum("ij,ij->j", known, known), 0)
        return np.asarray(cross @ self.weights), np.sqrt(left + self.noise)

    def without_each(self, y: Floats) -> tuple[Floats, Floats]:
        """Return expectation and variance of each target given the others, ``(n,)`` each.

        The variances are of the targets as they are given: noise and known errors are included.
        """
        variance = 1 / np.diag(_inverse(self.lower))
        return y - variance * self.weights, variance

    def _cross(self, X: Any) -> Floats:
        value = self.kernel.value(self.logs[2:], self.kernel.compare(X, self.rows))
        return np.asarray(self.variance * value)


def parts(X: Any) -> Iterator[Any]:
    """Yield successive parts of a query, so that no covariance of all of it is held at once."""
    for start in range(0, len(X), _CHUNK):
        yield X[start : start + _CHUNK]


def prior_of(size: int) -> Prior:
    """Return the prior of standardised targets: variance 1, a tenth of it noise, lengthscale 1."""
    return Prior(np.array([0.0, np.log(0.1), *[0.0] * size]), np.array([1.0, 1.5, *[1.0] * size]))


def rows_to_learn_on(count: int, most: int, seed: int) -> Any:
    """Return the indices of at most so many rows, drawn at random, in order."""
    if count <= most:
        return np.arange(count)
    return np.sort(np.random.default_rng(seed).permutation(count)[:most])


def _factor(covariance: Floats, noise: Floats | float) -> Floats | None:
    total = covariance.copy()
    total.flat[:: len(total) + 1] += noise + JITTER
    try:
        return np.asarray(cholesky(total, lower=True, overwrite_a=True, check_finite=False))
    except LinAlgError:
        return None


def _solve(lower: Floats, y: Floats) -> Floats:
    half = solve_triangular(lower, y, lower=True, check_finite=False)
    return np.asarray(solve_triangular(lower, half, lower=True, trans=1, check_finite=False))


def _inverse(lower: Floats) -> Floats:
    found, _ = lapack.dpotri(lower, lower=1)
    return np.asarray(np.tril(found) + np.tril(found, -1).T)
