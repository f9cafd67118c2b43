"""Performance profiles: which share of runs is better than any given score.

Dolan and More, "Benchmarking Optimization Software with Performance Profiles", Mathematical
Programming 91, 2002, arXiv:cs/0102001, as the run-score distributions of Agarwal et al. 2021. A
profile above another everywhere means stochastic dominance; where two cross,
which one is better depends on what score is asked for.
"""

from __future__ import annotations

import numpy as np

from workbench.statistics.bootstrap import pooled_bands
from workbench.types import Floats


def performance_profile(scores: Floats, thresholds: Floats) -> Floats:
    """Return the share of runs strictly above each threshold, ``(t,)``, tasks weighing the same.

    ``scores`` is ``(runs, tasks)``, normalised, NaN where a task has fewer runs.
    """
    return np.asarray(np.mean([above.mean(axis=0) for above in _above(scores, thresholds)], axis=0))


def profile_bands(
    scores: Floats, thresholds: Floats, rng: np.random.Generator, resamples: int = 1000
) -> Floats:
    """Return lower end, performance profile and upper end, ``(3, t)``.

    The interval is the pointwise 95 % stratified percentile bootstrap.
    """
    return pooled_bands(_above(scores, thresholds), rng, resamples)


def _above(scores: Floats, thresholds: Floats) -> list[Floats]:
    """Return a task's runs above each threshold, as 0 and 1, ``(runs, t)`` a task."""
    there = [column[~np.isnan(column)] for column in scores.T]
    return [(column[:, None] > thresholds).astype(np.float64) for column in there]
