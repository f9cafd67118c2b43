"""How long it takes to reach a target: run lengths, their distribution, expected running time.

Hansen, Auger, Brockhoff, Tusar and Tusar, "COCO: Performance Assessment", 2016, arXiv:1605.03560;
Hansen, Auger, Ros, Mersmann, Tusar and Brockhoff, "COCO: A Platform for Comparing Continuous
Optimizers in a Black-Box Setting", Optimization Methods and Software 36, 2021, arXiv:1603.08785. A
target is a regret to get down to; a run length is the budget spent when a run first did, infinite
where it never did.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from workbench.statistics.bootstrap import TAILS, pooled_bands, resampled_weights
from workbench.types import Floats


def run_lengths(curves: Floats, at: Floats, targets: Floats) -> Floats:
    """Return where each run first reached each target, ``(runs, targets)``; infinite: nowhere.

    ``curves`` is ``(runs, t)`` of regrets, ``at`` ``(t,)`` in queries or seconds; a target is
    reached at or below it.
    """
    best = np.minimum.accumulate(curves, axis=1)
    first = (best[:, :, None] > targets).sum(axis=1)
    return np.asarray(np.append(at, np.inf)[first])


def ecdf(lengths: Sequence[Floats], budgets: Floats) -> Floats:
    """Return the share of (run, target) pairs reached within each budget, ``(t,)``.

    ``lengths`` has one ``(runs, targets)`` a task, as ``run_lengths`` gives it; tasks weigh the
    same. It is the empirical distribution of run lengths; what it lacks to 1 was never reached.
    """
    return np.asarray(np.mean([_reached(of, budgets).mean(axis=0) for of in lengths], axis=0))


def ecdf_bands(
    lengths: Sequence[Floats], budgets: Floats, rng: np.random.Generator, resamples: int = 1000
) -> Floats:
    """Return lower end, ``ecdf`` and upper end, ``(3, t)``.

    The interval is the pointwise 95 % percentile bootstrap over runs within tasks; targets are
    given, not resampled.
    """
    return pooled_bands([_reached(of, budgets) for of in lengths], rng, resamples)


def expected_running_time(lengths: Floats, spent: Floats) -> Floats:
    """Return the budget that reaching each target takes, restarts included, ``(targets,)``.

    What all runs spent until they reached the target or ended, over the number that reached it:
    the expected time of starting anew until one run succeeds. Infinite where none did.

    Parameters
    ----------
    lengths : ndarray of shape (runs, targets)
        As ``run_lengths`` gives it.
    spent : ndarray of shape (runs,)
        The whole budget of each run, which runs that did not reach a target count.

    Raises
    ------
    ValueError
        A run reached a target later than it ended.
    """
    used = _used(lengths, spent)
    return _over(used.sum(axis=0), np.isfinite(lengths).sum(axis=0))


def running_time_bands(
    lengths: Floats, spent: Floats, rng: np.random.Generator, resamples: int = 1000
) -> Floats:
    """Return lower end, ``expected_running_time`` and upper end, ``(3, targets)``.

    The interval is the 95 % percentile bootstrap over runs; its upper end is infinite where more
    than 2.5 % of the resamples hold no success.
    """
    weights = resampled_weights(len(lengths), rng, resamples)
    values = _over(weights @ _used(lengths, spent), weights @ np.isfinite(lengths))
    # Interpolation between infinities is no number.
    low = np.quantile(values, TAILS[0], axis=0, method="lower")
    high = np.quantile(values, TAILS[1], axis=0, method="higher")
    return np.stack([low, expected_running_time(lengths, spent), high])


def _reached(lengths: Floats, budgets: Floats) -> Floats:
    """Return the share of targets that each run has reached within each budget, ``(runs, t)``."""
    return np.asarray((lengths[:, :, None] <= budgets).mean(axis=1))


def _used(lengths: Floats, spent: Floats) -> Floats:
    reached = np.isfinite(lengths)
    if (late := reached & (lengths > spent[:, None])).any():
        run = int(np.flatnonzero(late.any(axis=1))[0])
        raise ValueError(
            f"run {run} reached a target at {lengths[run][late[run]][0]}, after its end at"
            f" {spent[run]}: give lengths and budgets in one unit"
        )
    return np.where(reached, lengths, spent[:, None])


def _over(used: Floats, successes: Floats) -> Floats:
    with np.errstate(divide="ignore"):
        return np.asarray(used / successes)
