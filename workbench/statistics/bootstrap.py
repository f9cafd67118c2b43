"""Interquartile means and stratified bootstrap intervals.

Agarwal et al., "Deep Reinforcement Learning at the Edge of the Statistical Precipice", 2021,
arXiv:2108.13264. Scores come in as ``(runs, tasks)``; runs are resampled within each task.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from workbench.types import Floats

RESAMPLES = 5000
LEVEL = 0.95


class Interval(NamedTuple):
    """A point estimate and its confidence interval."""

    estimate: float
    low: float
    high: float


def iqm(scores: Floats) -> Floats:
    """Return the mean of the middle half over all axes but the first, shape ``(b,)``.

    The quarter at each end is rounded down to whole values, as ``scipy.stats.trim_mean`` does.
    """
    flat = np.sort(scores.reshape(len(scores), -1), axis=1)
    cut = flat.shape[1] // 4
    return np.asarray(flat[:, cut : flat.shape[1] - cut].mean(axis=1))


def interval(
    scores: Floats,
    statistic: Callable[[Floats], Floats],
    rng: np.random.Generator,
    resamples: int = RESAMPLES,
) -> Interval:
    """Return a statistic of ``(runs, tasks)`` scores with its 95 % percentile interval.

    ``statistic`` maps ``(b, runs, tasks)`` to ``(b,)``. With few runs the interval is too narrow:
    for a mean it covers about 90 % at 10 runs and 94 % at 30 where scores are normal.
    """
    scores = scores[:, None] if scores.ndim == 1 else scores
    runs, tasks = scores.shape
    estimate = float(statistic(scores[None])[0])
    if runs < 2:
        return Interval(estimate, float("nan"), float("nan"))
    picks = rng.integers(runs, size=(resamples, runs, tasks))
    values = statistic(np.take_along_axis(scores[None], picks, axis=1))
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return Interval(estimate, float(low), float(high))


def mean_bands(curves: Floats, rng: np.random.Generator, resamples: int = 1000) -> Floats:
    """Return lower end, mean and upper end over runs at every point, ``(3, t)``, of ``(runs, t)``.

    The interval is the pointwise 95 % percentile bootstrap.
    """
    runs = len(curves)
    counts = rng.multinomial(runs, np.full(runs, 1 / runs), size=resamples) / runs
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(counts @ curves, [tail, 1 - tail], axis=0)
    return np.stack([low, curves.mean(axis=0), high])
