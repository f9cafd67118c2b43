"""Several strategies over several tasks by ranks: Friedman's test and what follows it.

Demsar, "Statistical Comparisons of Classifiers over Multiple Data Sets", JMLR 7, 2006. Scores are
``(s, tasks)``, one number a strategy and task (the mean or IQM over its runs), higher is better;
tasks are the sample, so that few of them show little, however many runs are behind each.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from workbench.statistics.comparison import LEVEL, mean_ranks
from workbench.types import Floats


class Friedman(NamedTuple):
    """Friedman's test: do strategies differ at all? ``p`` is that of Iman and Davenport's F.

    ``chi2`` is corrected for ties; ``ranks`` are mean ranks, ``(s,)``, 1 is best.
    """

    ranks: Floats
    chi2: float
    f: float
    p: float


def friedman(scores: Floats) -> Friedman:
    """Return Friedman's test with Iman and Davenport's correction, of ``(s, tasks)`` scores.

    Friedman, "The Use of Ranks to Avoid the Assumption of Normality Implicit in the Analysis of
    Variance", Journal of the American Statistical Association 32, 1937.

    Raises
    ------
    ValueError
        There are fewer than 3 strategies or 2 tasks; two strategies are for a signed-rank test.
    """
    strategies, tasks = scores.shape
    if strategies < 3 or tasks < 2:
        raise ValueError(
            f"Friedman's test takes at least 3 strategies and 2 tasks; got {strategies} and {tasks}"
        )
    ranks = mean_ranks(scores)
    untied = 1 - _ties(scores) / (tasks * strategies * (strategies**2 - 1))
    chi2 = friedman_chi2(ranks, tasks) / untied if untied > 0 else 0.0
    return Friedman(ranks, chi2, *iman_davenport(chi2, tasks, strategies))


def friedman_chi2(ranks: Floats, tasks: int) -> float:
    """Return Friedman's chi-squared of mean ranks ``(s,)`` over so many tasks, without ties."""
    k = len(ranks)
    return float(12 * tasks / (k * (k + 1)) * ((ranks - (k + 1) / 2) ** 2).sum())


def iman_davenport(chi2: float, tasks: int, strategies: int) -> tuple[float, float]:
    """Return the F statistic of a Friedman chi-squared and its p value.

    Iman and Davenport, "Approximations of the Critical Region of the Friedman Statistic",
    Communications in Statistics, Theory and Methods 9, 1980: the chi-squared distribution is
    undesirably conservative. F is infinite where all tasks rank strategies alike; p is then the
    exact chance of that, 1 / s!**(tasks - 1).
    """
    from scipy.stats import f

    rest = tasks * (strategies - 1) - chi2
    if rest <= 1e-9 * tasks:
        return math.inf, float(math.factorial(strategies)) ** (1 - tasks)
    value = (tasks - 1) * chi2 / rest
    return value, float(f.sf(value, strategies - 1, (strategies - 1) * (tasks - 1)))


def critical_difference(strategies: int, tasks: int, level: float = LEVEL) -> float:
    """Return by how much two mean ranks must differ to be told apart, by Nemenyi's test.

    Nemenyi, "Distribution-free Multiple Comparisons", thesis, Princeton University, 1963: the
    studentized range with infinitely many degrees of freedom, over root 2, times the standard error
    of a mean rank's difference. It guards against all pairs at once.
    """
    from scipy.stats import studentized_range

    q = float(studentized_range.ppf(1 - level, strategies, np.inf)) / 2**0.5
    return q * _error(strategies, tasks)


def nemenyi(ranks: Floats, tasks: int) -> Floats:
    """Return the p value of every pair of mean ranks ``(s,)`` over so many tasks, ``(s, s)``."""
    from scipy.stats import studentized_range

    apart = np.abs(ranks[:, None] - ranks) / _error(len(ranks), tasks)
    return np.asarray(np.minimum(studentized_range.sf(apart * 2**0.5, len(ranks), np.inf), 1.0))


def groups(ranks: Floats, difference: float) -> list[tuple[int, ...]]:
    """Return the largest sets of strategies that a critical difference does not tell apart.

    The bars of a critical-difference diagram: positions in ``ranks``, best first, two or more a
    set.
    """
    order = np.argsort(ranks, kind="stable")
    ends = np.searchsorted(ranks[order], ranks[order] + difference, side="right")
    reach = [0, *ends[:-1]]
    return [
        tuple(order[start:end].tolist())
        for start, end in enumerate(ends)
        if end - start > 1 and end > reach[start]
    ]


def _error(strategies: int, tasks: int) -> float:
    return float((strategies * (strategies + 1) / (6 * tasks)) ** 0.5)


def _ties(scores: Floats) -> int:
    """Return the sum over all ties of a task of n^3 - n, n of which are tied."""
    sizes = (np.unique(task, return_counts=True)[1].astype(np.int64) for task in scores.T)
    return int(sum((n**3 - n).sum() for n in sizes))
