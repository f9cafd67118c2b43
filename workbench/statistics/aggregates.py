"""One number of many runs on many tasks: interquartile mean, mean, median, optimality gap.

Agarwal et al., "Deep Reinforcement Learning at the Edge of the Statistical Precipice", 2021,
arXiv:2108.13264. Every aggregate maps ``(b, runs, tasks)``, b studies side by side, to ``(b,)``;
NaN stands where a task has fewer runs than another, as ``stacked`` puts it. Tasks weigh the same,
however many runs they have. Scores are ``normalised`` before tasks are pooled: percents of one
task and errors of another have no common unit.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from workbench.types import Floats


def stacked(samples: Mapping[str, Floats]) -> Floats:
    """Return samples ``[task] -> (runs,)`` as ``(runs, tasks)``, NaN below the shorter ones.

    Raises
    ------
    ValueError
        There is no task, a task has no run, or a score is not finite.
    """
    if not samples:
        raise ValueError("no task to stack: give one sample of scores a task")
    for task, values in samples.items():
        if not len(values) or not np.isfinite(values).all():
            raise ValueError(
                f"task {task!r}: scores must be finite, of at least one run; got {values}."
                " Leave out failed runs, or the task"
            )
    found = np.full((max(map(len, samples.values())), len(samples)), np.nan)
    for i, values in enumerate(samples.values()):
        found[: len(values), i] = values
    return found


def normalised(scores: Floats, random_mean: float, optimum: float) -> Floats:
    """Return scores on the scale where the mean random architecture is 0 and the optimum 1.

    All in one unit, higher is better; the shape is that of ``scores``. Below 0 is worse than
    random.

    Raises
    ------
    ValueError
        The optimum does not lie above the random mean.
    """
    if not optimum > random_mean:
        raise ValueError(
            f"the optimum must lie above the random mean; got {optimum} and {random_mean}."
            " Negate scores of which lower is better"
        )
    return np.asarray((scores - random_mean) / (optimum - random_mean))


def iqm(scores: Floats) -> Floats:
    """Return the mean of the middle half of all runs of all tasks, ``(b,)``.

    The quarter at each end is rounded down to whole runs, as ``scipy.stats.trim_mean`` does. Where
    tasks have unequal numbers of runs, a run weighs as much as it takes for tasks to be equal, and
    the one on either edge counts in part.
    """
    flat = scores.reshape(len(scores), -1)
    if np.isnan(flat).any():
        return _weighted_iqm(scores)
    flat = np.sort(flat, axis=1)
    cut = flat.shape[1] // 4
    return np.asarray(flat[:, cut : flat.shape[1] - cut].mean(axis=1))


def mean(scores: Floats) -> Floats:
    """Return the mean over tasks of the mean over runs, ``(b,)``."""
    return np.asarray(np.nanmean(scores, axis=1).mean(axis=1))


def median(scores: Floats) -> Floats:
    """Return the median over tasks of the mean over runs, ``(b,)``."""
    return np.asarray(np.median(np.nanmean(scores, axis=1), axis=1))


def optimality_gap(scores: Floats, target: float = 1.0) -> Floats:
    """Return by how much runs fall short of a target, runs beyond it counting as 0, ``(b,)``.

    Where no score can lie above the target, as with the optimum of a table, it is the target less
    the ``mean``.
    """
    return mean(np.maximum(target - scores, 0.0))


def _weighted_iqm(scores: Floats) -> Floats:
    """Return the IQM with one weight a task, such that the weights of all runs sum to their number.

    With equal numbers of runs every weight is 1.
    """
    there = ~np.isnan(scores)
    total = there.sum(axis=(1, 2))[:, None]
    weights = there * (total / scores.shape[2] / there.sum(axis=1))[:, None, :]
    flat, weights = scores.reshape(len(scores), -1), weights.reshape(len(scores), -1)
    order = np.argsort(flat, axis=1)
    flat = np.nan_to_num(np.take_along_axis(flat, order, axis=1))
    upto = np.cumsum(np.take_along_axis(weights, order, axis=1), axis=1)
    cut = total // 4
    within = np.clip(upto, cut, total - cut)
    kept = np.diff(within, axis=1, prepend=cut)
    return np.asarray((kept * flat).sum(axis=1) / kept.sum(axis=1))
