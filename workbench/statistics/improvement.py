"""How likely a run of one strategy beats a run of another: an effect size without a unit."""

from __future__ import annotations

import numpy as np

from workbench.statistics.bootstrap import RESAMPLES, TAILS, Interval, resampled_weights
from workbench.types import Floats


def vargha_delaney(a: Floats, b: Floats) -> float:
    """Return P(a > b) + P(a = b) / 2 over all pairs of a run of each, in [0, 1]; .5 is no effect.

    The A measure of Vargha and Delaney, "A Critique and Improvement of the CL Common Language
    Effect Size Statistics of McGraw and Wong", Journal of Educational and Behavioral Statistics 25,
    2000; it is the Mann-Whitney U over its largest
    value. Samples are ``(n,)`` and ``(m,)``, higher is better.
    """
    ordered = np.sort(b)
    wins = np.searchsorted(ordered, a, "left") + np.searchsorted(ordered, a, "right")
    return float(wins.sum() / (2 * len(a) * len(b)))


def magnitude(probability: float) -> str:
    """Return Vargha and Delaney's word for an A measure: small from .56, medium .64, large .71.

    Below .5 the other one is better by as much: .29 is large as .71 is.
    """
    away = round(max(probability, 1 - probability), 12)
    return "large" if away >= 0.71 else _lesser(away)


def _lesser(away: float) -> str:
    if away >= 0.64:
        return "medium"
    return "small" if away >= 0.56 else "negligible"


def probability_of_improvement(
    a: Floats, b: Floats, rng: np.random.Generator, resamples: int = RESAMPLES
) -> Interval:
    """Return the mean over tasks of P(a > b) + P(a = b) / 2, with its 95 % interval.

    Agarwal et al. 2021, arXiv:2108.13264. Scores need not be normalised: runs are compared only
    within a task.

    Parameters
    ----------
    a, b : ndarray of shape (runs, tasks)
        The same tasks, each with any number of runs, NaN where there are fewer.
    rng : Generator
        Draws the stratified bootstrap, in which both are resampled; percentile method.

    Returns
    -------
    Interval
        Its ends are NaN where a task has a single run of either.

    Raises
    ------
    ValueError
        The numbers of tasks differ.
    """
    if a.shape[1] != b.shape[1]:
        raise ValueError(f"both must have the same tasks; got {a.shape[1]} and {b.shape[1]}")
    values, estimate, fewest = np.zeros(resamples), 0.0, np.inf
    for x, y in zip(a.T, b.T, strict=True):
        x, y = x[~np.isnan(x)], y[~np.isnan(y)]
        wins = (np.sign(x[:, None] - y) + 1) / 2
        of_x = resampled_weights(len(x), rng, resamples)
        of_y = resampled_weights(len(y), rng, resamples)
        values += np.einsum("bn,bn->b", of_x @ wins, of_y)
        estimate += vargha_delaney(x, y)
        fewest = min(fewest, len(x), len(y))
    ends = np.quantile(values / a.shape[1], TAILS) if fewest > 1 else (np.nan, np.nan)
    return Interval(estimate / a.shape[1], float(ends[0]), float(ends[1]))
