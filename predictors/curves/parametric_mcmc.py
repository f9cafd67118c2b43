"""The eleven families as the authors fit them: a weighted sum, sampled by Monte Carlo. Slow.

Domhan, Springenberg and Hutter, "Speeding up Automatic Hyperparameter Optimization of Deep Neural
Networks by Extrapolation of Learning Curves", IJCAI 2015; Foreman-Mackey, Hogg, Lang and Goodman,
"emcee: The MCMC Hammer", 2013, arXiv:1202.3665.
"""

from __future__ import annotations

from collections.abc import Sequence

import emcee
import numpy as np
from numpy.random import RandomState
from sklearn.utils import check_random_state

from workbench.encodings._parameters import check_integers
from workbench.predictors.curves._families import Family
from workbench.predictors.curves._levenberg import Curves, fit
from workbench.predictors.curves.parametric import Parametric
from workbench.types import Floats, Ints

EXTRA = "mcmc"
_NOISE = np.log(0.02)


class ParametricMCMC(Parametric):
    """The reference for ``parametric``: seconds for each curve, not thousandths of one.

    A curve is a sum of families with weights that add up to 1, and normal noise. Walkers start
    around the most probable parameters of each family; what is predicted is the mean and the
    deviation of the sum over the samples.

    Parameters
    ----------
    walkers : int, default 100
        Chains, at least twice the number of parameters: 96 with all families.
    steps : int, default 1000
        Steps of each chain, of which the first half is thrown away. The authors took 2,500.
    families, limits, epochs
        As of ``Parametric``. Nothing is corrected or calibrated: that would take several samplings
        of each curve of ``fit``.
    random_state : int, RandomState or None
        Seed.
    """

    def __init__(
        self,
        walkers: int = 100,
        steps: int = 1000,
        families: Sequence[str] | None = None,
        limits: tuple[float, float] | None = None,
        epochs: Sequence[float] | None = None,
        random_state: int | RandomState | None = None,
    ) -> None:
        super().__init__(families, limits, False, epochs)
        self.walkers = walkers
        self.steps = steps
        self.random_state = random_state

    def _learn(self, X: Floats, y: Floats) -> None:
        super()._learn(X, y)
        self.model_ = _Mixture(self.families_)
        check_integers(self, 2, "steps")
        least = 2 * self.model_.size
        check_integers(self, least, "walkers")
        self.seed_ = check_random_state(self.random_state).randint(2**31 - 1)

    def _calibrate(self, X: Floats, y: Floats) -> None:
        super()._calibrate(X[:0], y[:0])

    def _extrapolate(self, X: Floats, seen: Ints) -> tuple[Floats, Floats]:
        scale = self.high_ - self.low_
        scores = (X - self.low_) / scale
        found = [self._sampled(row[:n]) for row, n in zip(scores, seen.tolist(), strict=True)]
        mean, std = np.array(found).T
        return self.low_ + scale * mean, scale * std

    def _sampled(self, scores: Floats) -> tuple[float, float]:
        """Return mean and deviation of the end of one curve."""
        random = np.random.RandomState(self.seed_)
        epochs = self.epochs_[: len(scores)]
        start = self.model_.start(epochs, scores, self.walkers, random)
        sampler = emcee.EnsembleSampler(
            *start.shape, self.model_.log_posterior, args=(epochs, scores), vectorize=True
        )
        sampler.random_state = random.get_state()
        sampler.run_mcmc(start, self.steps, skip_initial_state_check=True)
        samples = sampler.get_chain(discard=self.steps // 2, flat=True)
        ends = self.model_.values(samples, self.epochs_[-1:])[:, 0]
        noise = np.exp(2 * samples[:, -1])
        return float(ends.mean()), float(np.sqrt(ends.var() + noise.mean()))


class _Mixture:
    """A weighted sum of families; a row is their parameters, log weights and log noise."""

    def __init__(self, families: Sequence[Family]) -> None:
        self.families = families
        self.places = np.cumsum([len(family.start) for family in families])
        self.size = int(self.places[-1]) + len(families) + 1
        spare = [0.0] * len(families)
        self.mean = np.concatenate([*(f.start for f in families), spare, [_NOISE]])
        self.spread = np.concatenate([*(f.spread for f in families), np.ones(len(families) + 1)])
        infinite = np.full(len(families) + 1, np.inf)
        self.low = np.concatenate([*(f.low for f in families), -infinite])
        self.high = np.concatenate([*(f.high for f in families), infinite])

    def parts(self, rows: Floats) -> list[Floats]:
        """Return the parameters of each family, log weights, and log noise."""
        ends = [*self.places, self.size - 1]
        return np.split(rows, ends, axis=1)

    def values(self, rows: Floats, epochs: Floats) -> Floats:
        """Return curves ``(n, t)``."""
        *thetas, log_weights, _ = self.parts(rows)
        weights = np.exp(log_weights - log_weights.max(axis=1, keepdims=True))
        weights /= weights.sum(axis=1, keepdims=True)
        curves = [f.values(epochs, t)[0] for f, t in zip(self.families, thetas, strict=True)]
        return np.asarray(np.einsum("nk,knt->nt", weights, np.stack(curves)))

    def log_posterior(self, rows: Floats, epochs: Floats, scores: Floats) -> Floats:
        """Return log posteriors ``(n,)`` less a constant."""
        inside = ((rows > self.low) & (rows < self.high)).all(axis=1)
        found = np.full(len(rows), -np.inf)
        rows = rows[inside]
        prior = -0.5 * (((rows - self.mean) / self.spread) ** 2).sum(axis=1)
        log_noise = rows[:, -1]
        errors = (self.values(rows, epochs) - scores) * np.exp(-log_noise)[:, None]
        found[inside] = prior - 0.5 * (errors**2).sum(axis=1) - len(scores) * log_noise
        return np.asarray(np.where(np.isnan(found), -np.inf, found))

    def start(
        self, epochs: Floats, scores: Floats, walkers: int, random: np.random.RandomState
    ) -> Floats:
        """Return rows around the most probable parameters of each family, ``(walkers, size)``."""
        curves = Curves(epochs, scores[None], np.full((1, len(scores)), np.exp(-_NOISE)))
        center, deviation = self.mean.copy(), np.ones(self.size)
        for family, end in zip(self.families, self.places, strict=True):
            found = fit(family, curves, family.start[None])
            place = slice(end - len(family.start), end)
            center[place] = found.theta[0]
            deviation[place] = np.sqrt(np.diag(np.linalg.inv(found.curvature[0])))
        drawn = center + 0.3 * deviation * random.standard_normal((walkers, self.size))
        margin = 1e-6 * np.where(np.isfinite(self.high), self.high - self.low, 1.0)
        return np.asarray(np.clip(drawn, self.low + margin, self.high - margin))
