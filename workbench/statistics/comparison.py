"""Which differences between strategies are real: rank tests, corrected for their number."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import combinations
from typing import NamedTuple

import numpy as np

from workbench.statistics.improvement import vargha_delaney
from workbench.types import Floats

LEVEL = 0.05


class Comparison(NamedTuple):
    """Two samples on one task: ``probability`` that a run of ``first`` beats one of ``second``.

    Ties count half (the Vargha-Delaney A); ``p`` is of the two-sided Mann-Whitney U test,
    ``adjusted`` the same after Holm's correction over the whole family.
    """

    task: str
    first: str
    second: str
    probability: float
    p: float
    adjusted: float

    @property
    def real(self) -> bool:
        """Whether the difference holds at the 5 % level after correction."""
        return self.adjusted < LEVEL


def compare_all(scores: Mapping[str, Mapping[str, Floats]]) -> list[Comparison]:
    """Return every pair of strategies on every task, ``scores[task][strategy]`` of ``(runs,)``.

    Higher is better. Holm's correction runs over all pairs of all tasks together.
    """
    found = [
        (task, a, b, *mann_whitney(samples[a], samples[b]))
        for task, samples in scores.items()
        for a, b in combinations(samples, 2)
    ]
    adjusted = holm(np.array([f[4] for f in found]))
    return [Comparison(*f, float(q)) for f, q in zip(found, adjusted, strict=True)]


def mann_whitney(a: Floats, b: Floats) -> tuple[float, float]:
    """Return P(a > b) + P(a = b) / 2 and the two-sided p value; 0.5 and 1 where all are equal.

    Mann and Whitney, "On a Test of Whether One of Two Random Variables Is Stochastically Larger
    than the Other", Annals of Mathematical Statistics 18, 1947.
    """
    from scipy.stats import mannwhitneyu

    if np.ptp(np.concatenate([a, b])) == 0:
        return 0.5, 1.0
    result = mannwhitneyu(a, b, alternative="two-sided")
    return vargha_delaney(a, b), float(result.pvalue)


def least_p(runs: int) -> float:
    """Return the smallest p value that the exact two-sided test of two such samples can give.

    Of all ``comb(2 n, n)`` orders of two samples of ``n``, two are the most extreme.
    """
    return 2 / math.comb(2 * runs, runs)


def holm(p: Floats) -> Floats:
    """Return p values adjusted by Holm's step-down method, in the same order.

    Holm, "A Simple Sequentially Rejective Multiple Test Procedure", Scandinavian Journal of
    Statistics 6, 1979.
    """
    order = np.argsort(p, kind="stable")
    steps = (len(p) - np.arange(len(p))) * p[order]
    adjusted = np.empty_like(p, dtype=np.float64)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0) if len(p) else steps
    return adjusted


def mean_ranks(scores: Floats) -> Floats:
    """Return the mean rank of each strategy over tasks, 1 is best, shape ``(s,)``.

    ``scores`` is ``(s, tasks)``, higher is better; ties share the mean of their ranks.
    """
    from scipy.stats import rankdata

    return np.asarray(rankdata(-scores, axis=0).mean(axis=1))
