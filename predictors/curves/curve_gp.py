"""A Gaussian process of curves that decay to where they end.

Swersky, Snoek and Adams, "Freeze-Thaw Bayesian Optimization", 2014, arXiv:1406.3896.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize

from workbench.predictors.curves._base import Extrapolator, by_seen
from workbench.types import Floats, Ints

_START = np.log([1.0, 1.0, 1.0, 1.0, 0.1])
_LOW = np.log([1e-3, 1e-3, 1e-2, 1e-2, 1e-3])
_HIGH = np.log([1e2, 1e2, 1e1, 1e3, 1e1])
_LEARNED = 500


class CurveGP(Extrapolator):
    """Asymptotes are normal, and curves come to them as sums of exponential decays.

    The covariance of two scores of one curve, ``t`` and ``u`` epochs in, is
    ``a^2 + c^2 (beta / (t + u + beta))^alpha``, and noise where they are one. Its five parameters
    are those of the greatest likelihood of the whole curves of ``fit`` (500 at most); given them,
    the end is a normal variable in closed form.

    Parameters
    ----------
    corrected : bool, default True
        Whether the final scores of ``fit`` correct what the process says, by a line at each epoch.
    epochs : sequence of float, optional
        The epoch of each column; 1, 2, ... if not given.

    Attributes
    ----------
    theta_ : ndarray of shape (5,)
        ``a``, ``c``, ``alpha``, ``beta`` and the deviation of the noise, in units of the final
        scores' deviation.
    """

    LEARNS = True

    def __init__(self, corrected: bool = True, epochs: Sequence[float] | None = None) -> None:
        self.corrected = corrected
        self.epochs = epochs

    def _learn(self, X: Floats, y: Floats) -> None:  # noqa: ARG002
        whole = self._standard(X[np.isfinite(X).all(axis=1)][:_LEARNED])
        self.theta_ = np.exp(_START)
        if len(whole):
            bounds = list(zip(_LOW, _HIGH, strict=True))
            found = minimize(_loss, _START, (whole, self.epochs_), bounds=bounds, method="L-BFGS-B")
            self.theta_ = np.exp(found.x)

    def _extrapolate(self, X: Floats, seen: Ints) -> tuple[Floats, Floats]:
        covariance = _covariance(self.theta_, self.epochs_)
        scores = self._standard(X)
        mean, std = np.empty(len(X)), np.empty(len(X))
        for cut, rows in by_seen(seen):
            noisy = covariance[:cut, :cut] + self.theta_[4] ** 2 * np.eye(cut)
            across = covariance[:cut, -1]
            weights = cho_solve(cho_factor(noisy), across)
            mean[rows] = scores[rows, :cut] @ weights
            std[rows] = np.sqrt(max(covariance[-1, -1] - across @ weights, 1e-12))
        return self.mean_ + self._unit * mean, self._unit * std


def _covariance(theta: Floats, epochs: Floats) -> Floats:
    """Return the covariance of the scores of one curve without noise, ``(t, t)``."""
    a, c, alpha, beta, _ = theta
    decay = beta / (epochs[:, None] + epochs + beta)
    return np.asarray(a**2 + c**2 * decay**alpha)


def _loss(log_theta: Floats, curves: Floats, epochs: Floats) -> float:
    """Return the negative log likelihood of curves ``(n, t)``, per curve, less a constant."""
    theta = np.exp(log_theta)
    noisy = _covariance(theta, epochs) + theta[4] ** 2 * np.eye(len(epochs))
    factor = cho_factor(noisy, lower=True)
    squares = (curves * cho_solve(factor, curves.T).T).sum(axis=1)
    return float(squares.mean() / 2 + np.log(np.diag(factor[0])).sum())
