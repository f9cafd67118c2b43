"""Bayesian linear regression with the prior's and the noise's precision by maximum evidence."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize_scalar

from workbench.types import Floats

_LEAST_NOISE = 1e-6
_LOG_RATIOS = np.linspace(-16, 16, 33)


class BayesianLinear(NamedTuple):
    """The posterior ``N(mean, covariance)`` of weights with prior ``N(0, 1 / alpha)``.

    ``beta`` is the precision of the noise. Bishop, "Pattern Recognition and Machine Learning",
    2006, sections 3.3 and 3.5.
    """

    mean: Floats
    covariance: Floats
    alpha: float
    beta: float

    @classmethod
    def fit(cls, features: Floats, targets: Floats) -> BayesianLinear:
        """Return the posterior for features ``(n, k)`` and targets ``(n,)``, no intercept added.

        Given the ratio ``alpha / beta`` the best ``beta`` is known in closed form, which leaves
        one number to search.
        """
        left, values, right = np.linalg.svd(features, full_matrices=False)
        along, squares = left.T @ targets, values**2
        beyond = max(float(targets @ targets - along @ along), 0.0)

        def noise(ratio: float) -> float:
            explained = (along**2 / (squares / ratio + 1)).sum()
            return max(float(explained + beyond) / len(targets), _LEAST_NOISE)

        def cost(log_ratio: float) -> float:
            ratio, fewer = np.exp(log_ratio), len(targets)
            return float(fewer * np.log(noise(ratio)) + np.log1p(squares / ratio).sum())

        start = _LOG_RATIOS[int(np.argmin([cost(value) for value in _LOG_RATIOS]))]
        best = minimize_scalar(cost, bounds=(start - 1, start + 1), method="bounded").x
        ratio, variance = float(np.exp(best)), noise(float(np.exp(best)))
        mean = right.T @ (values / (squares + ratio) * along)
        shrunk = right.T * (1 / (squares + ratio) - 1 / ratio)
        covariance = variance * (shrunk @ right + np.eye(features.shape[1]) / ratio)
        return cls(mean, covariance, ratio / variance, 1 / variance)

    def predict(self, features: Floats) -> tuple[Floats, Floats]:
        """Return mean and variance, noise included, ``(n,)`` each."""
        spread = np.einsum("nk,kl,nl->n", features, self.covariance, features, optimize=True)
        return features @ self.mean, np.maximum(spread, 0) + 1 / self.beta
