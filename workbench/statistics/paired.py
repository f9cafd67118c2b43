"""Which of several methods, measured on the same splits or tasks, are really below the best."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from workbench.statistics.comparison import LEVEL, holm
from workbench.types import Floats


class Difference(NamedTuple):
    """The best of several methods against another: both paired over ``pairs`` splits or tasks.

    ``mean`` is how far the other lies below, ``p`` of the two-sided Wilcoxon signed-rank test,
    ``adjusted`` the same after Holm's correction over all the others.
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


def signed_rank(differences: Floats) -> float:
    """Return the two-sided p value of Wilcoxon's signed-rank test; 1 where all are 0."""
    from scipy.stats import wilcoxon

    if not differences.any():
        return 1.0
    return float(wilcoxon(differences).pvalue)


def least_signed_rank_p(pairs: int) -> float:
    """Return the smallest p value that so many pairs can give: all ``2**pairs`` signs but two."""
    return float(2.0 ** (1 - pairs))
