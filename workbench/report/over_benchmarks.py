"""What can be said of strategies over all benchmarks of a study together.

Only benchmarks count on which every strategy has a finished run and whose true scores are known and
differ; scores are normalised (0 is the mean random architecture, 1 the optimum).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from workbench import seeds
from workbench.report.results import Results
from workbench.statistics.aggregates import stacked
from workbench.statistics.bayesian import Posterior, bayesian_signed_rank
from workbench.statistics.bootstrap import Interval
from workbench.statistics.comparison import LEVEL, mean_ranks
from workbench.statistics.friedman import Friedman, critical_difference, friedman, nemenyi
from workbench.statistics.improvement import magnitude, probability_of_improvement
from workbench.statistics.paired import Difference, all_pairs, least_signed_rank_p
from workbench.statistics.planning import runs_needed
from workbench.statistics.stability import Stability, without_each_seed, without_each_task
from workbench.statistics.verdict import counted
from workbench.types import Floats

PAIRS_FROM = 5
"""Benchmarks from which on pairs of strategies are compared over them."""

RANKS_FROM = 10
"""Benchmarks from which on Friedman's test and mean ranks are worth a picture."""

REGION = 0.01
"""Differences of normalised scores of at most this size are practically none."""

_RESAMPLES = 1000
_SAMPLES = 20_000


def complete(results: Results) -> dict[str, dict[str, Floats]]:
    """Return normalised final scores, ``[benchmark][strategy]``, where every strategy has some."""
    scores = results.scores("normalised")
    return {b: s for b, s in scores.items() if all(len(v) for v in s.values()) and len(s) > 1}


def matrices(results: Results) -> dict[str, Floats]:
    """Return final scores of each strategy, ``(replicates, benchmarks)``, NaN where a run failed.

    The benchmarks are those of ``complete``; row i is replicate i.
    """
    benches = list(complete(results))
    final = results.final[results.final["benchmark"].isin(benches)]
    count = int(results.meta["study"]["replicates"])
    found = {s: np.full((count, len(benches)), np.nan) for s in results.strategies}
    columns = final[["strategy", "benchmark", "run_replicate", "normalised"]]
    for strategy, bench, replicate, score in columns.itertuples(index=False):
        found[strategy][replicate, benches.index(bench)] = score
    return found if benches else {}


class Pair(NamedTuple):
    """Two strategies over benchmarks: the signed-rank test, how likely which is better, and
    Nemenyi's p of their mean ranks, None with too few benchmarks for ranks.
    """

    test: Difference
    posterior: Posterior
    nemenyi: float | None


class Leading(NamedTuple):
    """The best strategy against another: how likely a run of it ends above one of the other."""

    other: str
    chance: Interval
    magnitude: str


def task_means(scores: Mapping[str, Floats]) -> dict[str, Floats]:
    """Return the mean over runs of each strategy on each benchmark, ``(benchmarks,)``."""
    return {s: np.nanmean(matrix, axis=0) for s, matrix in scores.items()}


def pairs(results: Results) -> list[Pair]:
    """Return every pair of strategies over benchmarks; none with too few of these."""
    means = task_means(matrices(results))
    if not means or len(next(iter(means.values()))) < PAIRS_FROM:
        return []
    table = np.array(list(means.values()))
    place = {strategy: i for i, strategy in enumerate(means)}
    apart = nemenyi(mean_ranks(table), table.shape[1]) if table.shape[1] >= RANKS_FROM else None
    found = []
    for test in all_pairs(means):
        rng = _rng(results, test.best, test.other, "signed rank")
        gaps = means[test.best] - means[test.other]
        ranks = None if apart is None else float(apart[place[test.best], place[test.other]])
        found.append(Pair(test, bayesian_signed_rank(gaps, REGION, rng, _SAMPLES), ranks))
    return found


def leading(results: Results, order: Sequence[str]) -> list[Leading]:
    """Return the first of an order against all others."""
    scores = complete(results)
    if not scores:
        return []
    best, *rest = order
    samples = {s: stacked({b: of[s] for b, of in scores.items()}) for s in order}
    found = []
    for other in rest:
        rng = _rng(results, best, other, "improvement")
        chance = probability_of_improvement(samples[best], samples[other], rng, _RESAMPLES)
        found.append(Leading(other, chance, magnitude(chance.estimate)))
    return found


def ranked(results: Results) -> tuple[Friedman, float] | None:
    """Return Friedman's test and Nemenyi's critical difference; None with too little to rank."""
    means = task_means(matrices(results))
    table = np.array(list(means.values()))
    if len(table) < 3 or table.shape[1] < 2:
        return None
    return friedman(table), critical_difference(*table.shape)


def stabilities(results: Results) -> dict[str, Stability]:
    """Return how ranks change without each benchmark and without each seed, where there are two."""
    scores = matrices(results)
    if len(scores) < 2:
        return {}
    runs, tasks = next(iter(scores.values())).shape
    found = {"benchmark": without_each_task(scores)} if tasks > 1 else {}
    fewest = min(int((~np.isnan(of)).sum(axis=0).min()) for of in scores.values())
    return found | ({"seed": without_each_seed(scores)} if runs > 1 and fewest > 1 else {})


def other_leaders(results: Results, stable: Mapping[str, Stability]) -> dict[str, str]:
    """Return ``[benchmark]`` which strategy leads without it, where that is another one."""
    if not (found := stable.get("benchmark")):
        return {}
    leads = zip(complete(results), found.without.argmin(axis=1), strict=True)
    first = found.ranks.argmin()
    return {bench: results.strategies[lead] for bench, lead in leads if lead != first}


class Needed(NamedTuple):
    """Runs of each that a study needs to tell two apart: as observed, and at both ends of the
    interval of what was observed; None: no number of runs is enough.
    """

    observed: int | None
    least: int | None
    most: int | None


def needed(results: Results, order: Sequence[str], tests: int) -> dict[str, dict[str, Needed]]:
    """Return runs needed to tell the first of an order from each other, ``[other][benchmark]``.

    ``tests`` is how many comparisons Holm's correction runs over.
    """
    best, *rest = order
    found: dict[str, dict[str, Needed]] = {other: {} for other in rest}
    for bench, scores in complete(results).items():
        for other in rest:
            rng = _rng(results, bench, best, other, "needed")
            pair = (scores[best][:, None], scores[other][:, None])
            chance = probability_of_improvement(*pair, rng, _RESAMPLES)
            found[other][bench] = _needed(chance, tests)
    return found


def _needed(chance: Interval, tests: int) -> Needed:
    if np.isnan(chance.low):
        return Needed(runs_needed(chance.estimate, tests), None, None)
    away = sorted((chance.low, chance.high), key=lambda p: abs(p - 0.5))
    open_ended = chance.low <= 0.5 <= chance.high
    most = None if open_ended else runs_needed(away[0], tests)
    return Needed(runs_needed(chance.estimate, tests), runs_needed(away[1], tests), most)


def too_few(results: Results) -> list[str]:
    """Return what the number of benchmarks does not allow, in words."""
    count, strategies = len(complete(results)), len(results.strategies)
    of = counted(count, "benchmark")
    said = []
    if strategies > 2 and 1 < count < RANKS_FROM:
        apart = critical_difference(strategies, count)
        said.append(
            f"No critical-difference diagram: with {of}, mean ranks would have to differ by"
            f" {apart:.1f} of at most {strategies - 1} places to be told apart. It is drawn from"
            f" {RANKS_FROM} benchmarks on."
        )
    if count < PAIRS_FROM:
        said.append(
            f"No test over benchmarks: with {of} as the sample, none can say anything. Pairs are"
            f" compared over benchmarks from {PAIRS_FROM} on; what holds on each benchmark alone"
            " stands under Every comparison."
        )
    elif least_signed_rank_p(count) * math.comb(strategies, 2) >= LEVEL:
        said.append(
            f"With {of}, Wilcoxon's signed-rank test cannot reach 5 % after correction for"
            f" {counted(math.comb(strategies, 2), 'pair')} however large the differences are: that"
            " a strategy is better on benchmarks in general, this study cannot show. The Bayesian"
            " test has no such threshold, and is sure too soon."
        )
    return said


def _rng(results: Results, *names: Any) -> np.random.Generator:
    return seeds.generator(results.meta["study"]["seed"], *names)
