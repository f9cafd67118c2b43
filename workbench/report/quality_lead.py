"""By how much the first of several predictors is ahead of the second, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from workbench import seeds
from workbench.report.quality import Quality
from workbench.statistics.aggregates import mean, stacked
from workbench.statistics.bootstrap import Interval, interval
from workbench.statistics.comparison import LEVEL
from workbench.statistics.paired import Difference, against, least_signed_rank_p
from workbench.statistics.verdict import counted, small_study
from workbench.types import Floats


class Lead(NamedTuple):
    """The first predictor against the second, at the reference size.

    ``gap`` is how far its Kendall's tau lies above, mean over benchmarks of the mean over
    replicates, in which both saw the same architectures; ``higher`` in what share of these it does,
    ties counting half. ``tests`` has one a benchmark on which a difference could be shown, Holm
    over all others there; ``others`` is how many these are, ``runs`` how many replicates, at least.
    """

    second: str
    gap: Interval
    higher: float
    tests: list[Difference]
    benchmarks: list[str]
    others: int
    runs: int


def lead(quality: Quality, order: Sequence[str]) -> Lead | None:
    """Return the first of an order against the second; None where they share no replicate.

    The interval is the 95 % bootstrap interval over replicates, resampled within each benchmark,
    that of a pair together.
    """
    if len(order) < 2:
        return None
    best, second = order[:2]
    size = quality.reference
    benches = quality.complete(size) or quality.benchmarks
    gaps = {bench: _gaps(quality, bench, best, second) for bench in benches}
    gaps = {bench: values for bench, values in gaps.items() if len(values)}
    if not gaps:
        return None
    tests, others = [], 0
    for bench in gaps:
        scores = quality.paired(bench, size)
        others = max(others, len(scores) - 1)
        if least_signed_rank_p(len(scores[best])) * (len(scores) - 1) < LEVEL:
            tests += [d for d in against(best, scores) if d.other == second]
    rng = seeds.generator(quality.study.seed, best, second, "lead")
    return Lead(
        second,
        interval(stacked(gaps), mean, rng),
        float(np.mean([(np.sign(values) + 1).mean() / 2 for values in gaps.values()])),
        tests,
        list(gaps),
        others,
        min(map(len, gaps.values())),
    )


def _gaps(quality: Quality, bench: str, best: str, second: str) -> Floats:
    """Return how far one lies above the other in each replicate that both have, ``(r,)``."""
    tau, none = quality.of("tau", bench), np.empty(0)
    a, b = (tau.get(label, {}).get(quality.reference, none) for label in (best, second))
    gaps = a - b if len(a) == len(b) else none
    return np.asarray(gaps[np.isfinite(gaps)])


def lead_words(found: Lead) -> list[str]:
    """Return a lead as sentences: by how much, how sure, and by which test."""
    gap, many = found.gap, len(found.benchmarks)
    ends = "" if math.isnan(gap.low) else f" [{gap.low:.3f}, {gap.high:.3f}]"
    lies = f"Its lead over {found.second}, the second, is"
    if gap.estimate < 0:
        lies = f"By mean tau it is behind {found.second}, the second: its lead is"
    said = (
        f"{lies} {gap.estimate:.3f}{ends} of tau"
        f"{f', mean over {many} benchmarks' if many > 1 else ''}"
        f"{'; 95 % bootstrap interval over replicates' if ends else ''}. It is higher in"
        f" {100 * found.higher:.0f} % of replicates."
    )
    few = small_study(found.runs, many)
    if few and many > 1:
        few = few.replace(" each", ", at the fewest,", 1)
    return [f"{said} {_tested(found)}", *([few] if few else [])]


def _tested(found: Lead) -> str:
    if not found.tests:
        return (
            f"Whether it is really ahead cannot be said: with {counted(found.runs, 'replicate')} no"
            f" signed-rank test against {counted(found.others, 'other')}, Holm-corrected, reaches"
            f" the {100 * LEVEL:.0f} % level."
        )
    better = sum(test.real and test.mean > 0 for test in found.tests)
    worse = sum(test.real and test.mean < 0 for test in found.tests)
    several = len(found.benchmarks) > 1
    words = f"really ahead{f' on {better}' if several else ''}" if better else ""
    behind = f"really behind{f' on {worse}' if several else ''}" if worse else ""
    words = " and ".join(filter(None, [words, behind])) or "not shown to be ahead"
    each = " on each benchmark" if several else ""
    return (
        f"By Wilcoxon's signed-rank test over replicates, Holm-corrected{each},"
        f" it is {words}{_of(found) if several else ''}."
    )


def _of(found: Lead) -> str:
    tested, many = len(found.tests), len(found.benchmarks)
    shown = any(test.real for test in found.tests)
    enough = " with enough replicates" if tested < many else ""
    if not shown and tested == 1:
        return f" on the one benchmark{enough}"
    return f" {'of' if shown else 'on any of'} {counted(tested, 'benchmark')}{enough}"
