"""Bounded Levenberg-Marquardt on many curves at once, with a normal prior on the parameters.

Levenberg 1944; Marquardt, "An Algorithm for Least-Squares Estimation of Nonlinear Parameters", SIAM
Journal 11, 1963. Steps that leave the bounds are cut back to them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from workbench.predictors.curves._families import Family
from workbench.types import Floats, Ints

_STEPS = 40
_ENOUGH = 1e-5
_STUCK = 1e7


class Fitted(NamedTuple):
    """Parameters ``(n, p)``, what they cost ``(n,)``, and half of its second derivative.

    The cost is twice the negative log posterior less a constant: squared errors in units of the
    noise, and squared distances from the start in units of the prior's deviation. ``curvature`` is
    ``(n, p, p)``, the inverse of the posterior's covariance near its mode.
    """

    theta: Floats
    cost: Floats
    curvature: Floats


class Curves(NamedTuple):
    """Scores ``(n, t)`` at epochs ``(t,)``, and 1 / noise ``(n, t)``, 0 where none was seen."""

    epochs: Floats
    scores: Floats
    weights: Floats

    def take(self, rows: Ints) -> Curves:
        """Return some of the curves."""
        return Curves(self.epochs, self.scores[rows], self.weights[rows])


def fit(family: Family, curves: Curves, start: Floats) -> Fitted:
    """Return the parameters of least cost that are found from starts ``(n, p)``."""
    theta = np.clip(start, family.low, family.high)
    cost, gradient, curvature = _look(family, curves, theta)
    damping = np.full(len(theta), 1e-2)
    active = np.arange(len(theta))
    for _ in range(_STEPS):
        some = curves.take(active)
        damped = curvature[active]
        diagonal = np.einsum("nii->ni", damped)
        diagonal *= 1 + damping[active, None]
        step = np.linalg.solve(damped, gradient[active][:, :, None])[:, :, 0]
        tried = np.clip(theta[active] + step, family.low, family.high)
        new_cost, new_gradient, new_curvature = _look(family, some, tried)
        better = new_cost < cost[active]
        gain = cost[active] - new_cost
        moved = active[better]
        done = better & (gain < _ENOUGH * (1 + new_cost))
        theta[moved], cost[moved] = tried[better], new_cost[better]
        gradient[moved], curvature[moved] = new_gradient[better], new_curvature[better]
        damping[active] *= np.where(better, 0.3, 5.0)
        active = active[~done & (damping[active] < _STUCK)]
        if not len(active):
            break
    return Fitted(theta, cost, curvature)


def _look(family: Family, curves: Curves, theta: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the cost, half its negative gradient, and half its curvature (Gauss-Newton)."""
    values, slopes = family.values(curves.epochs, theta)
    errors = (curves.scores - values) * curves.weights
    slopes = slopes * curves.weights[:, :, None]
    away = (family.start - theta) / family.spread
    cost = (errors**2).sum(axis=1) + (away**2).sum(axis=1)
    gradient = np.einsum("ntp,nt->np", slopes, errors) + away / family.spread
    curvature = slopes.mT @ slopes + np.diag(family.spread**-2.0)
    return cost, gradient, curvature
