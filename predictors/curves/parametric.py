"""Eleven families of curves, fitted together and weighted by how well they explain what was seen.

Domhan, Springenberg and Hutter, "Speeding up Automatic Hyperparameter Optimization of Deep Neural
Networks by Extrapolation of Learning Curves", IJCAI 2015. In place of their MCMC over a weighted
sum, each family is fitted to its most probable parameters, and the posterior is taken as normal
there (Laplace): weights are the families' evidence. A thousandth of the time.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from workbench.encodings._parameters import check
from workbench.predictors.curves._base import Extrapolator, score_range
from workbench.predictors.curves._families import FAMILIES, Family
from workbench.predictors.curves._levenberg import Curves, Fitted, fit
from workbench.types import Floats, Ints

_NOISE = 0.02
_SURE = 3


class Parametric(Extrapolator):
    """A mixture of eleven parametric curves, or of some of them.

    Parameters
    ----------
    families : sequence of str or None, default None
        ``vapor_pressure``, ``pow3``, ``log_log_linear``, ``hill3``, ``log_power``, ``pow4``,
        ``mmf``, ``exp4``, ``janoschek``, ``weibull``, ``ilog2``; all if not given.
    limits : (float, float) or None, default None
        Scores that are mapped to 0 and to 1, where the families live: of accuracies in percent
        ``(0, 100)``. None takes the least and the greatest score of ``fit``, and a tenth more.
    corrected : bool, default True
        Whether the final scores of ``fit`` correct what the families say, by a line at each epoch.
    epochs : sequence of float, optional
        The epoch of each column; 1, 2, ... if not given.
    """

    def __init__(
        self,
        families: Sequence[str] | None = None,
        limits: tuple[float, float] | None = None,
        corrected: bool = True,
        epochs: Sequence[float] | None = None,
    ) -> None:
        self.families = families
        self.limits = limits
        self.corrected = corrected
        self.epochs = epochs

    def _learn(self, X: Floats, y: Floats) -> None:  # noqa: ARG002
        known = {family.name: family for family in FAMILIES}
        names = list(known) if self.families is None else list(self.families)
        good = 0 < len(names) == len({*names}) and {*names} <= {*known}
        check(self, "families", good, f"None or some of {', '.join(known)}, each once")
        self.families_ = [known[name] for name in names]
        self.low_, self.high_ = score_range(self, self.limits, X)

    def _extrapolate(self, X: Floats, seen: Ints) -> tuple[Floats, Floats]:
        scale = self.high_ - self.low_
        scores = (X - self.low_) / scale
        noise = _noise(scores)
        weights = np.where(np.isfinite(X), 1 / noise[:, None], 0.0)
        curves = Curves(self.epochs_, np.nan_to_num(scores), weights)
        last = scores[np.arange(len(X)), seen - 1]
        fits = [(family, _best(family, curves, last)) for family in self.families_]
        mean, std = _mixture(curves, fits, noise, seen)
        return self.low_ + scale * mean, scale * std


def _best(family: Family, curves: Curves, last: Floats) -> Fitted:
    """Return the better fit of two starts: the published one, and one that tends to the last."""
    start = np.tile(family.start, (len(last), 1))
    found = fit(family, curves, start)
    if family.asymptote is None:
        return found
    start[:, family.asymptote] = last + 0.02
    other = fit(family, curves, start)
    better = other.cost < found.cost
    return Fitted(
        np.where(better[:, None], other.theta, found.theta),
        np.where(better, other.cost, found.cost),
        np.where(better[:, None, None], other.curvature, found.curvature),
    )


def _mixture(
    curves: Curves, fits: Sequence[tuple[Family, Fitted]], noise: Floats, seen: Ints
) -> tuple[Floats, Floats]:
    """Return mean and deviation at the last epoch of the families, weighted by their evidence."""
    means, variances, evidence = [], [], []
    for family, found in fits:
        value, slope = family.values(curves.epochs[-1:], found.theta)
        towards = np.linalg.solve(found.curvature, slope[:, 0, :, None])[:, :, 0]
        means.append(value[:, 0])
        variances.append((slope[:, 0] * towards).sum(axis=1))
        volume = np.linalg.slogdet(found.curvature)[1] + 2 * np.log(family.spread).sum()
        evidence.append(-0.5 * (found.cost + volume))
    # Where no family fits to within the noise, the noise is what is left.
    misfit = np.maximum(np.min([found.cost for _, found in fits], axis=0) / seen, 1.0)
    log_weights = np.stack(evidence) / misfit
    weights = np.exp(log_weights - log_weights.max(axis=0))
    weights /= weights.sum(axis=0)
    mean = (weights * means).sum(axis=0)
    within = (weights * variances).sum(axis=0) + noise**2
    between = (weights * (np.stack(means) - mean) ** 2).sum(axis=0)
    return mean, np.sqrt(misfit * within + between)


def _noise(scores: Floats) -> Floats:
    """Return the deviation of a curve's noise ``(n,)``, from its second differences.

    Of few epochs it is drawn towards .02.
    """
    bends = scores[:, 2:] - 2 * scores[:, 1:-1] + scores[:, :-2]
    known = np.isfinite(bends)
    squares = np.where(known, bends, 0.0) ** 2
    variance = (squares.sum(axis=1) / 6 + _SURE * _NOISE**2) / (known.sum(axis=1) + _SURE)
    return np.asarray(np.sqrt(variance))
