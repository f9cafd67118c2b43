"""One number of several proxies, by ranks within a population."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import rankdata

from workbench.errors import ParameterError
from workbench.types import Floats


def rank_sum(scores: Floats, higher_is_better: Sequence[bool] | None = None) -> Floats:
    """Return the sum of each row's ranks ``(n,)``, higher is better; equal ones share ranks.

    Parameters
    ----------
    scores : ndarray of shape (n, p)
        Rows are architectures, columns proxies.
    higher_is_better : sequence of bool, default all
        The direction of each column.

    Raises
    ------
    ParameterError
        Scores that are no finite matrix, or directions of another number than columns.
    """
    ranks: Floats = _ranks(scores, higher_is_better).sum(axis=1)
    return ranks


def log_ranks(scores: Floats, higher_is_better: Sequence[bool] | None = None) -> Floats:
    """Return the sum of the logarithms of ranks over ``n``, 0 for the best of all columns.

    Lee and Ham 2024, arXiv:2403.19232. Parameters and errors are those of ``rank_sum``.
    """
    ranks = _ranks(scores, higher_is_better)
    total: Floats = np.log(ranks / max(len(ranks), 1)).sum(axis=1)
    return total


def vote(scores: Floats, higher_is_better: Sequence[bool] | None = None) -> Floats:
    """Return how many other rows each beats ``(n,)``, a tie counting half.

    A row beats another where more proxies prefer it than prefer the other: the majority vote of
    Abdelfattah et al. (2021, arXiv:2101.08134), over all pairs. Parameters and errors are those of
    ``rank_sum``.
    """
    oriented = _oriented(scores, higher_is_better)
    beaten = [_beaten(row, oriented) for row in oriented]
    return np.array(beaten, dtype=np.float64)


def _beaten(row: Floats, others: Floats) -> float:
    margin = np.sign(np.sign(row - others).sum(axis=1))
    return float(margin.sum() + len(others) - 1) / 2


def _ranks(scores: Floats, higher_is_better: Sequence[bool] | None) -> Floats:
    ranks: Floats = rankdata(_oriented(scores, higher_is_better), axis=0)
    return ranks


def _oriented(scores: Floats, higher_is_better: Sequence[bool] | None) -> Floats:
    scores = np.asarray(scores, dtype=np.float64)
    if scores.ndim != 2 or not np.isfinite(scores).all():
        raise ParameterError(
            "The 'scores' parameter of a rank must be finite numbers (n, p)."
            f" Got shape {scores.shape} instead, finite: {bool(np.isfinite(scores).all())}."
        )
    up = [True] * scores.shape[1] if higher_is_better is None else list(higher_is_better)
    if len(up) != scores.shape[1]:
        raise ParameterError(
            f"The 'higher_is_better' parameter of a rank must be {scores.shape[1]} directions."
            f" Got {len(up)} instead."
        )
    return np.where(up, scores, -scores)
