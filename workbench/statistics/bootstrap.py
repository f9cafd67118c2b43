"""Stratified bootstrap intervals: runs are resampled within each task.

Agarwal, Schwarzer, Castro, Courville and Bellemare, "Deep Reinforcement Learning at the Edge of the
Statistical Precipice", NeurIPS 2021, arXiv:2108.13264; the percentile method is of Efron,
"Bootstrap Methods: Another Look at the Jackknife", Annals of Statistics 7, 1979. Scores come in as
``(runs, tasks)``, NaN where a task has fewer runs (``aggregates.stacked``). What few runs do to
intervals: ``trust``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from workbench.types import Floats, Ints, Mask

RESAMPLES = 5000
LEVEL = 0.95
TAILS = ((1 - LEVEL) / 2, 1 - (1 - LEVEL) / 2)


class Interval(NamedTuple):
    """A point estimate and its confidence interval."""

    estimate: float
    low: float
    high: float


def interval(
    scores: Floats,
    statistic: Callable[[Floats], Floats],
    rng: np.random.Generator,
    resamples: int = RESAMPLES,
) -> Interval:
    """Return a statistic of ``(runs, tasks)`` scores with its 95 % percentile interval.

    ``statistic`` maps ``(b, runs, tasks)`` to ``(b,)``, as those of ``aggregates`` do. There is no
    interval, but NaN, where a task has a single run.
    """
    scores = scores[:, None] if scores.ndim == 1 else scores
    there = ~np.isnan(scores)
    estimate = float(statistic(scores[None])[0])
    if there.sum(axis=0).min() < 2:
        return Interval(estimate, float("nan"), float("nan"))
    values = statistic(_taken(scores, _picks(there, rng, resamples)))
    low, high = np.quantile(values, TAILS)
    return Interval(estimate, float(low), float(high))


def bands(
    curves: Floats,
    statistic: Callable[[Floats], Floats],
    rng: np.random.Generator,
    resamples: int = 1000,
) -> Floats:
    """Return lower end, statistic and upper end at every point of ``(runs, tasks, t)``, ``(3, t)``.

    Whole curves are resampled, the same at every point; the interval is the pointwise 95 %
    percentile bootstrap. A run that a task lacks is NaN at every point. For means ``mean_bands``
    gives the same, faster.
    """
    picks = _picks(~np.isnan(curves[:, :, 0]), rng, resamples)
    points = [curves[:, :, i] for i in range(curves.shape[2])]
    middle = [statistic(point[None])[0] for point in points]
    ends = [np.quantile(statistic(_taken(point, picks)), TAILS) for point in points]
    low, high = np.transpose(ends)
    return np.stack([low, np.array(middle), high])


def mean_bands(curves: Floats, rng: np.random.Generator, resamples: int = 1000) -> Floats:
    """Return lower end, mean and upper end over runs at every point, ``(3, t)``, of ``(runs, t)``.

    The interval is the pointwise 95 % percentile bootstrap.
    """
    return pooled_bands([curves], rng, resamples)


def pooled_bands(
    curves: Sequence[Floats], rng: np.random.Generator, resamples: int = 1000
) -> Floats:
    """Return the mean over tasks of the mean over runs, with bands, ``(3, t)``.

    ``curves`` has one ``(runs, t)`` a task; otherwise as ``mean_bands``.
    """
    values = np.zeros((resamples, curves[0].shape[1]))
    for of_task in curves:
        values += resampled_weights(len(of_task), rng, resamples) @ of_task
    middle = np.mean([of_task.mean(axis=0) for of_task in curves], axis=0)
    low, high = np.quantile(values / len(curves), TAILS, axis=0)
    return np.stack([low, middle, high])


def resampled_weights(runs: int, rng: np.random.Generator, resamples: int) -> Floats:
    """Return what share of a resample each run makes up, ``(resamples, runs)``; rows sum to 1."""
    return np.asarray(rng.multinomial(runs, np.full(runs, 1 / runs), size=resamples) / runs)


def _picks(there: Mask, rng: np.random.Generator, resamples: int) -> Ints:
    """Return rows drawn within each task, ``(resamples, runs, tasks)``, of ``(runs, tasks)``.

    A task gets as many runs as it has, and above those the row of one that it lacks.
    """
    runs, tasks = there.shape
    if there.all():
        return rng.integers(runs, size=(resamples, runs, tasks))
    order, counts = np.argsort(~there, axis=0, kind="stable"), there.sum(axis=0)
    ranks = rng.integers(counts, size=(resamples, runs, tasks))
    ranks[:, np.arange(runs)[:, None] >= counts] = runs - 1
    return np.take_along_axis(order[None], ranks, axis=1)


def _taken(scores: Floats, picks: Ints) -> Floats:
    return np.take_along_axis(scores[None], picks, axis=1)
