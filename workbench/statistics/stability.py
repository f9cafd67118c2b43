"""How far a ranking hangs on one benchmark or one seed: leave each out and rank again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from workbench.statistics.aggregates import iqm
from workbench.statistics.comparison import mean_ranks
from workbench.statistics.ranking import kendall
from workbench.types import Floats, Ints


class Stability(NamedTuple):
    """Ranks with everything, ``(s,)``, and with each part left out, ``(parts, s)``; 1 is best.

    ``tau`` is Kendall's tau-b of each with the former, ``(parts,)``; ``same_best`` the share of
    parts without which the same strategy is ahead.
    """

    ranks: Floats
    without: Floats
    tau: Floats
    same_best: float


def without_each_task(scores: Mapping[str, Floats]) -> Stability:
    """Return how ranks by the pooled IQM change when one benchmark is left out.

    Parameters
    ----------
    scores : mapping of strategy to ndarray of shape (runs, tasks)
        Normalised; the same tasks in all, NaN where there are fewer runs.

    Raises
    ------
    ValueError
        There is a single task, or a single strategy.
    """
    tasks = next(iter(scores.values())).shape[1]
    return _stability(scores, tasks, axis=1, part="task")


def without_each_seed(scores: Mapping[str, Floats]) -> Stability:
    """Return how ranks by the pooled IQM change when one replicate is left out of all.

    Parameters
    ----------
    scores : mapping of strategy to ndarray of shape (runs, tasks)
        Normalised; row i is replicate i of every strategy and task, NaN where it failed.

    Raises
    ------
    ValueError
        There is a single run, or a single strategy, or a task of which one run alone is left.
    """
    runs = max(len(of) for of in scores.values())
    return _stability(scores, runs, axis=0, part="seed")


def _stability(scores: Mapping[str, Floats], parts: int, axis: int, part: str) -> Stability:
    if parts < 2 or len(scores) < 2:
        raise ValueError(
            f"leaving out takes at least 2 {part}s and 2 strategies; got {parts} and {len(scores)}"
        )
    ranks = _ranks(list(scores.values()))
    without = np.array(
        [_ranks([_less(of, i, axis) for of in scores.values()]) for i in range(parts)]
    )
    tau = np.array([kendall(ranks, other) for other in without])
    same = _best(without) == _best(ranks[None])
    return Stability(ranks, without, tau, float(same.mean()))


def _ranks(scores: list[Floats]) -> Floats:
    return mean_ranks(np.array([iqm(of[None]) for of in scores]))


def _best(ranks: Floats) -> Ints:
    return np.asarray(ranks.argmin(axis=1))


def _less(scores: Floats, part: int, axis: int) -> Floats:
    """Return scores without a part, where they have it."""
    left = np.delete(scores, part, axis) if part < scores.shape[axis] else scores
    if np.isnan(left).all(axis=0).any():
        task = int(np.flatnonzero(np.isnan(left).all(axis=0))[0])
        raise ValueError(f"without seed {part} task {task} has no run of a strategy left")
    return left
