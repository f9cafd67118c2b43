"""Which of several methods, measured on the same splits or tasks, are really below the best."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import NamedTuple

import numpy as np

from workbench.statistics.comparison import LEVEL, holm
from workbench.types import Floats

_FEW = 13
"""Up to so many pairs scipy goes through all signs where there are ties or zeros."""


class Difference(NamedTuple):
    """The better of two methods, or the best of several, against another.

    Both are paired over ``pairs`` splits or tasks; ``mean`` is how far the other lies below, ``p``
    of the two-sided Wilcoxon signed-rank test, ``adjusted`` the same after Holm's correction over
    all the others, or all the pairs.
    """

    best: str
    other: str
    mean: float
    pairs: int
    p: float
    adjusted: float

    @property
    def real(self) -> bool:
        """Whether the difference holds at the 5 % level after correction."""
        return self.adjusted < LEVEL


def against_the_best(scores: Mapping[str, Floats]) -> list[Difference]:
    """Return the method of highest mean against every other; ``scores[method]`` is ``(pairs,)``."""
    best = max(scores, key=lambda method: float(scores[method].mean()))
    return against(best, scores)


def against(best: str, scores: Mapping[str, Floats]) -> list[Difference]:
    """Return one method against every other, in their order; ``scores[method]`` is ``(pairs,)``."""
    others = [method for method in scores if method != best]
    gaps = [scores[best] - scores[other] for other in others]
    p = np.array([signed_rank(gap) for gap in gaps])
    return [
        Difference(best, other, float(gap.mean()), len(gap), float(raw), float(adjusted))
        for other, gap, raw, adjusted in zip(others, gaps, p, holm(p), strict=True)
    ]


def all_pairs(scores: Mapping[str, Floats]) -> list[Difference]:
    """Return every pair of methods, that of the higher mean as its ``best``, Holm over all pairs.

    ``scores[method]`` is ``(pairs,)``: one number a task, say, the same tasks in all. Benavoli,
    Corani and Mangili, "Should We Really Use Post-Hoc Tests Based on Mean-Ranks?", JMLR 17, 2016,
    say why pairs are better compared so than by mean ranks, which hang on all the other methods.
    """
    found = [against_the_best({a: scores[a], b: scores[b]})[0] for a, b in combinations(scores, 2)]
    adjusted = holm(np.array([pair.p for pair in found]))
    return [pair._replace(adjusted=float(q)) for pair, q in zip(found, adjusted, strict=True)]


def signed_rank(differences: Floats) -> float:
    """Return the two-sided p value of Wilcoxon's signed-rank test; 1 where all are 0.

    Wilcoxon, "Individual Comparisons by Ranking Methods", Biometrics Bulletin 1, 1945.
    """
    from scipy.stats import wilcoxon

    if not differences.any():
        return 1.0
    there = differences[differences != 0]
    if len(differences) <= _FEW and len(np.unique(np.abs(there))) < len(differences):
        return _permuted(there)
    return float(wilcoxon(differences).pvalue)


def _permuted(differences: Floats) -> float:
    """Return the exact p value over all signs, ties and all.

    It is what scipy's test gives for so few with ties or zeros, where it takes a second to call
    its statistic once for each of the signs.
    """
    from scipy.stats import rankdata

    ranks = rankdata(np.abs(differences))
    signs = (np.arange(2 ** len(ranks))[:, None] >> np.arange(len(ranks))) & 1
    sums, seen = signs @ ranks, ranks[differences > 0].sum()
    return float(min(1.0, 2 * min((sums <= seen).mean(), (sums >= seen).mean())))


def least_signed_rank_p(pairs: int) -> float:
    """Return the smallest p value that so many pairs can give: all ``2**pairs`` signs but two."""
    return float(2.0 ** (1 - pairs))
