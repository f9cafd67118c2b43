"""Regret: how far the best that was found lies below the best there is, at the end and before.

Regrets are >= 0 in the unit of the score, of the true (stored mean) score of what a run would
return; a lucky training seed is no success. ``at`` is where a value of a curve begins to hold, in
queries or in simulated seconds, ascending.
"""

from __future__ import annotations

import numpy as np

from workbench.types import Floats


def simple_regret(scores: Floats, optimum: Floats | float) -> Floats:
    """Return how far true scores lie below the optimum, in the same shape; NaN where unknown.

    Raises
    ------
    ValueError
        A score lies above the optimum: then it is not of the same kind, such as one training seed
        against the best stored mean.
    """
    if (above := scores > optimum).any():
        raise ValueError(
            f"a true score of {scores[above].max()} lies above the optimum"
            f" {np.broadcast_to(optimum, scores.shape)[above].max()}: compare stored means with the"
            " optimum of stored means"
        )
    return np.asarray(optimum - scores)


def anytime_regret(at: Floats, regrets: Floats, points: Floats) -> Floats:
    """Return the regret that a run had at any point of its budget, ``(t,)``.

    Parameters
    ----------
    at, regrets : ndarray of shape (n,)
        From where on which regret held: one run's incumbents.
    points : ndarray of shape (t,)
        Where to read; NaN comes out of those before the first incumbent, and after the last value
        it goes on holding.
    """
    held = np.searchsorted(at, points, side="right") - 1
    return np.where(held < 0, np.nan, regrets[np.maximum(held, 0)])


def area_under_log_regret(curves: Floats, at: Floats, until: float, floor: float) -> Floats:
    """Return the mean over the budget of log10 of the regret, ``(runs,)``; lower is better.

    The area under the curve over its length, so that budgets compare: one less means ten times
    closer to the optimum throughout. It sees the whole run, where simple regret sees its end.

    Parameters
    ----------
    curves : ndarray of shape (runs, t)
        ``curves[i, j]`` holds from ``at[j]`` to ``at[j + 1]``, the last one until ``until``.
    at : ndarray of shape (t,)
        Strictly ascending, below ``until``.
    until : float
        The end of the budget.
    floor : float > 0
        What smaller regrets count as, for the logarithm of 0 is no number. A matter of the table:
        half the step in which it stores scores, say; the same for all that is compared.

    Raises
    ------
    ValueError
        A regret is negative or NaN, or ``at``, ``until`` or ``floor`` is not as said.
    """
    if not (curves >= 0).all():
        raise ValueError(
            f"regrets must be >= 0; got {np.nanmin(curves)}, NaN {np.isnan(curves).sum()} times."
            " Begin where every run has an incumbent"
        )
    widths = np.diff(np.append(at, until))
    if not (widths > 0).all():
        raise ValueError(f"points must ascend and end before {until}; got {at}")
    if not floor > 0:
        raise ValueError(f"the floor must be > 0; got {floor}")
    return np.asarray(np.log10(np.maximum(curves, floor)) @ widths / widths.sum())
