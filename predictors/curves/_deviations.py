"""Deviations that suit the errors that were made, in place of those that a model has of its own.

Heteroscedastic regression with multiplicative variances (Harvey, "Estimating Regression Models with
Multiplicative Heteroscedasticity", Econometrica 44, 1976): the logarithm of a deviation is linear
in what is known beforehand, here in the prediction and in the logarithm of the model's own
deviation. Trainings of which little is expected are those of which least is known, and what models
say of themselves is often the same for all.
"""

from __future__ import annotations

import numpy as np

from workbench.predictors._intervals import inflation
from workbench.types import Floats

_PRIOR = 0.3
"""The deviation of the normal prior of both slopes, around 0, for features of deviation 1."""

_SAME = 1e-9
"""Predictions that differ by less, as a share of them, are the same but for rounding."""

AS_THEY_ARE = np.array([1.0, 0.0, 1.0, 0.0, 0.0, -700.0, 700.0])
"""A row of ``suited`` for deviations that nothing is known of but what the model says."""


def suited(errors: Floats, mean: Floats, own: Floats) -> Floats:
    """Return what makes deviations of predictions, for ``deviations``.

    Parameters
    ----------
    errors, mean, own : ndarray of shape (n,)
        True less predicted scores, predictions, and the model's own deviations.

    Returns
    -------
    ndarray of shape (7,)
        Deviation in the middle, slopes of its logarithm in the prediction and in the logarithm of
        the own deviation, and between which predictions and which logarithms they hold. It is of
        such a size that 90 % intervals cover 90 % of the errors, 0 where there were none.
    """
    from scipy.optimize import minimize

    if not errors.any():
        return np.zeros(7)
    own = np.log(np.maximum(own, 1e-6 * max(float(own.max()), 1e-12)))
    size = float(np.sqrt(np.mean(errors**2)))
    unit = float(mean.std())
    unit = unit if unit > _SAME * float(np.abs(mean).max()) else np.inf
    standard = (mean - mean.mean()) / unit
    features = np.stack([np.ones(len(errors)), standard, own - own.mean()], axis=1)
    precision = np.array([0.0, _PRIOR**-2, _PRIOR**-2])

    def loss(weights: Floats) -> tuple[float, Floats]:
        logs = features @ weights
        squares = 0.5 * (errors / size * np.exp(-logs)) ** 2
        gradient = features.T @ (1 - 2 * squares) + precision * weights
        return float((logs + squares).sum() + 0.5 * precision @ weights**2), gradient

    # Convex: there is one minimum, whatever the start.
    _, slope, power = minimize(loss, np.zeros(3), jac=True, method="BFGS").x
    found = np.array([1.0, slope / unit, power, mean.min(), mean.max(), own.min(), own.max()])
    rough = deviations(found, mean, np.exp(own))
    found[0] = float(np.sqrt(np.mean((errors / rough) ** 2)))
    found[0] *= inflation(errors, found[0] * rough)
    return found


def deviations(found: Floats, mean: Floats, own: Floats) -> Floats:
    """Return deviations ``(n,)`` of predictions by what ``suited`` returned, for each or for all.

    Predictions and deviations beyond those that it has seen are taken to be like the last of them.
    """
    middle, slope, power, low, high, least, most = found
    with np.errstate(divide="ignore"):
        logs = np.clip(np.log(own), least, most) - (least + most) / 2
    apart: Floats = np.clip(mean, low, high) - (low + high) / 2
    made: Floats = middle * np.exp(slope * apart + power * logs)
    return made
