"""What trainings will end at, from their curves and from the ends of similar architectures.

A Gaussian process over architectures, of which every curve is a measurement that is the less
certain the less of it was seen: the model of Swersky, Snoek and Adams, "Freeze-Thaw Bayesian
Optimization", 2014, arXiv:1406.3896, with any extrapolator in the place of their curve kernel.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from workbench.predictors._gp import Posterior, learn, log_likelihood, prior_of, rows_to_learn_on
from workbench.predictors._kernels import Matern52
from workbench.predictors._scaling import Scaling
from workbench.types import Floats

_LEARNED = 150
_TAIL = 3.0


class Normals(NamedTuple):
    """Normal distributions, ``(n,)`` each; an infinite variance says nothing."""

    mean: Floats
    variance: Floats

    def times(self, other: Normals) -> Normals:
        """Return the products of densities: what two independent sources say together."""
        precision = 1 / self.variance + 1 / other.variance
        weighted = self.mean / self.variance + other.mean / other.variance
        return Normals(weighted / precision, 1 / precision)


def evidence(mean: Floats, std: Floats, of_all: float, spread: float) -> Normals:
    """Return what curves say beyond what is known of all trainings, by division of densities.

    An extrapolator's ``mean`` and ``std`` ``(n,)`` hold that ends are about ``of_all``, by
    ``spread``, as well. Where it is no surer than that, the curve says nothing.
    """
    precision = 1 / std**2 - 1 / spread**2
    says = precision > 1e-6 / spread**2
    precision = np.where(says, precision, 1.0)
    found = (mean / std**2 - of_all / spread**2) / precision
    return Normals(np.where(says, found, of_all), np.where(says, 1 / precision, np.inf))


class Ends:
    """A Gaussian process over architectures, given what curves say of the ends of trainings.

    An end is the process plus a deviation of its own, the training seed's; what a curve says is the
    end plus a normal error of known variance. Scores far below all others count as less far below:
    they would bend the process where the best are.

    Parameters
    ----------
    features : ndarray of shape (n, k)
        Of the architectures in training.
    curves : Normals
        What is said of their ends; of variance 0 where they are known.
    logs : ndarray or None
        Hyperparameters, as ``logs`` of an earlier one; None learns them, from 150 trainings at
        most.

    Attributes
    ----------
    logs : ndarray of shape (3,)
        Logarithms of the variances of process and deviations, in units of the spread of what is
        said, and of the lengthscale.
    """

    def __init__(self, features: Any, curves: Normals, logs: Floats | None = None) -> None:
        says = np.flatnonzero(np.isfinite(curves.variance))
        said = _without_tail(curves.mean[says])
        self._says = says
        self._shift, self._unit = float(said.mean()), float(said.std()) or 1.0
        self._scaling = Scaling.of(features)
        self._rows = self._scaling.scale(features)
        targets = (said - self._shift) / self._unit
        errors = curves.variance[says] / self._unit**2
        self._kernel = Matern52()
        self.logs = self._learned(targets, errors) if logs is None else logs
        self._posterior = Posterior(self._kernel, self.logs, self._rows[says], targets, errors)
        self._targets, self._errors = targets, errors

    def of_new(self, features: Any) -> Normals:
        """Return the ends of trainings that were not begun."""
        mean, std = self._posterior.mean_and_std(self._scaling.scale(features))
        return self._in_unit(mean, std**2)

    def by_others(self) -> Normals:
        """Return the end of each training as the others have it, without its own curve.

        Rasmussen and Williams, "Gaussian Processes for Machine Learning", 2006, section 5.4.2.
        """
        mean, std = self._posterior.mean_and_std(self._rows)
        variance = std**2
        without, width = self._posterior.without_each(self._targets)
        mean[self._says] = without
        variance[self._says] = np.maximum(width - self._errors, self._posterior.noise)
        return self._in_unit(mean, variance)

    def _learned(self, targets: Floats, errors: Floats) -> Floats:
        some = rows_to_learn_on(len(targets), _LEARNED, 0)
        rows, y, e = self._rows[self._says][some], targets[some], errors[some]
        compared = self._kernel.compare(rows, rows)
        prior = prior_of(self._kernel.size)
        return learn(lambda logs: log_likelihood(self._kernel, logs, compared, y, e), prior)

    def _in_unit(self, mean: Floats, variance: Floats) -> Normals:
        return Normals(self._shift + self._unit * mean, self._unit**2 * variance)


def _without_tail(scores: Floats) -> Floats:
    low, high = np.quantile(scores, [0.25, 0.75])
    return np.asarray(np.maximum(scores, low - _TAIL * (high - low)))
