"""``report.html`` of a comparison of strategies; verdict first."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from workbench.report import funnel, overfitting
from workbench.report.numbers import and_list, budgets, unit_of_times, with_what_is_missing
from workbench.report.over_benchmarks import (
    REGION,
    Leading,
    complete,
    leading,
    needed,
    other_leaders,
    pairs,
    ranked,
    stabilities,
    too_few,
)
from workbench.report.render import common, parameters_text
from workbench.report.results import Results, pooled, summary, timing
from workbench.report.run_length import FINE, TARGETS, UNITS, areas, axes_of, expected
from workbench.report.strategy_drawings import drawings
from workbench.statistics.aggregates import mean, median, optimality_gap
from workbench.statistics.bootstrap import Interval
from workbench.statistics.comparison import Comparison, compare_all, mean_ranks
from workbench.statistics.paired import Difference
from workbench.statistics.verdict import tally, verdict

if TYPE_CHECKING:
    import pandas as pd


def content(results: Results) -> dict[str, Any]:
    """Return everything the page shows."""
    study, used = results.meta["study"], results.meta["parameters"]
    comparisons, scores = compare_all(complete(results)), pooled(results)
    order = sorted(scores, key=lambda s: -scores[s].estimate)
    lead = leading(results, order)
    drawn, over = drawings(results, scores, lead), pairs(results)
    stable = stabilities(results)
    leaders = other_leaders(results, stable)
    others = [pooled(results, of) for of in (mean, median, optimality_gap)]
    cost, cost_unit = _cost(results)
    return common(results.meta, results.runs, "strategy") | {
        "compared": "strategy",
        "budget": budget_words(study),
        "verdict": _verdict(results, scores, comparisons, lead, [p.test for p in over], leaders),
        "drawings": drawn,
        "glance": _glance(results, scores, order, comparisons, lead),
        "targets": TARGETS,
        "finest": FINE[-1],
        "aggregates": [(s, [of[s] for of in others]) for s in order],
        "expected": expected(results),
        "units": {b: UNITS[axis] for b, axis in axes_of(results).items()},
        "areas": areas(results),
        "too_few": too_few(results),
        "pairs": over,
        "region": REGION,
        "friedman": ranked(results),
        "stabilities": stable,
        "other_leaders": leaders,
        "needed": needed(results, order, len(comparisons)) if lead else {},
        "compared_on": list(complete(results)),
        "saturated": [
            bench
            for bench, of in complete(results).items()
            if all(scores.mean() > 1 - REGION for scores in of.values())
        ],
        "overfitting": [
            (b, costs, overfitting.best_known(results, b))
            for b in results.benchmarks
            if (costs := overfitting.costs(results, b))
        ],
        "overfitting_words": overfitting.words(results),
        "summary": summary(results),
        "ordered": _ordered,
        "cost": cost,
        "cost_unit": cost_unit,
        "stages": [
            (bench, label, found)
            for bench in results.benchmarks
            for label in results.strategies
            if (found := funnel.stages_of(results, bench, label))
        ],
        "ablation": funnel.sentences(results, comparisons),
        "comparisons": comparisons,
        "parameters": [
            (s["label"], s["name"], s["preset"], parameters_text(used[s["label"]]))
            for s in study["strategies"]
        ],
        "timing": timing(results),
        "shorter": {b["label"]: n for b in study["benchmarks"] if (n := b.get("epochs"))},
        "missing": [b for b in results.benchmarks if not results.meta["benchmarks"][b]["test"]],
        "without_cost": [
            b for b in results.benchmarks if not results.meta["benchmarks"][b]["has_cost"]
        ],
    }


def _verdict(
    results: Results,
    scores: Mapping[str, Interval],
    comparisons: Sequence[Comparison],
    lead: Sequence[Leading],
    over: Sequence[Difference],
    leaders: Mapping[str, str],
) -> list[str]:
    """Return the verdict in sentences; says so where nothing can be said yet."""
    if not scores:
        words = "No verdict: no run has ended with an incumbent. Is the budget too short?"
        if not results.final.empty:
            words = (
                "No verdict: no benchmark of this study has architectures of different, known true"
                " scores, by which results could be compared."
            )
        return with_what_is_missing([words], results.meta, results.runs)
    # Of one strategy alone there is nothing complete to compare, but there are its runs.
    ended = complete(results) or results.scores("normalised")
    runs = min((len(v) for s in ended.values() for v in s.values() if len(v)), default=0)
    chance = lead[0].chance if lead else None
    words = budget_words(results.meta["study"])
    said = verdict(scores, comparisons, runs, words, over, chance)
    if lead:
        tasks = len(complete(results))
        said[1:1] = [_chance(lead[0], tasks), *_hangs(leaders, tasks), *_shorter(results)]
    return with_what_is_missing(said, results.meta, results.runs)


def _chance(second: Leading, tasks: int) -> str:
    chance = second.chance
    between = "" if math.isnan(chance.low) else f" [{chance.low:.2f}, {chance.high:.2f}]"
    where = "" if tasks == 1 else ", on the mean benchmark"
    return (
        f"A run of it ends better than a run of {second.other} with probability"
        f" {chance.estimate:.2f}{between}{where}: a {second.magnitude} effect."
    )


def _hangs(leaders: Mapping[str, str], tasks: int) -> list[str]:
    """Say without which benchmarks another strategy would lead."""
    if not leaders or tasks < 3:
        return []
    without = [f"{leader} without {bench}" for bench, leader in leaders.items()]
    return [f"Its lead hangs on the choice of benchmarks: ahead would be {and_list(without)}."]


def _shorter(results: Results) -> list[str]:
    """Say where queries of different lengths are compared by their number."""
    of = budgets(results.meta["study"])
    lengths = results.trials.groupby("benchmark", observed=True)["epochs"].nunique()
    mixed = [str(b) for b, n in lengths.items() if n > 1 and of[str(b)]["queries"]]
    if not mixed:
        return []
    return [
        f"On {and_list(mixed)} some queries train for fewer epochs than others, and the budget"
        " counts queries: strategies that stop early are compared at less training than the rest."
    ]


class Glance(NamedTuple):
    """A strategy in the first table, against the best one; of that itself there is no ``chance``.

    ``chance`` is how likely a run of the best ends better; the best is really ``better``, and
    really ``worse``, on so many benchmarks.
    """

    strategy: str
    score: Interval
    rank: float | None
    chance: Interval | None
    better: int
    worse: int


def _glance(
    results: Results,
    scores: Mapping[str, Interval],
    order: Sequence[str],
    comparisons: Sequence[Comparison],
    lead: Sequence[Leading],
) -> list[Glance]:
    means = {s: [of[s].mean() for of in complete(results).values()] for s in order if lead}
    ranks = dict(zip(means, mean_ranks(np.array([*means.values()])), strict=True)) if lead else {}
    chances = {one.other: one.chance for one in lead}
    found = []
    for strategy in order:
        on = tally(comparisons, order[0], strategy)
        rank = float(ranks[strategy]) if ranks else None
        chance = chances.get(strategy)
        found.append(
            Glance(strategy, scores[strategy], rank, chance, len(on.better), len(on.worse))
        )
    return found


def budget_words(study: dict[str, Any]) -> str:
    """Return a budget as words, such as ``100 queries (40 queries on nbgraph/proteins)``."""
    by_words: dict[str, list[str]] = {}
    for bench, budget in budgets(study).items():
        by_words.setdefault(_budget_words(budget), []).append(bench)
    first, *others = sorted(by_words, key=lambda words: -len(by_words[words]))
    own = "; ".join(f"{words} on {and_list(by_words[words])}" for words in others)
    several = f" on {study['workers']} simulated workers" if study["workers"] > 1 else ""
    return first + several + (f" ({own})" if own else "")


def _budget_words(budget: dict[str, Any]) -> str:
    queries, seconds = budget["queries"], budget["seconds"]
    words = [f"{queries:,} {'query' if queries == 1 else 'queries'}"] if queries else []
    words += [f"{seconds:,g} simulated seconds"] if seconds else []
    return " or ".join(words)


def _ordered(bench: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Return the strategies of a benchmark that have finished runs, best mean score first."""
    known = [(s, row) for s, row in bench["strategies"].items() if row["score"]]
    sign = 1 if bench["metric"]["direction"] == "min" else -1
    return sorted(known, key=lambda item: sign * item[1]["score"]["mean"])


class _Cost(NamedTuple):
    """A strategy, means of a run: told queries, training, repeats in %, CPU seconds."""

    strategy: str
    told: float
    training: float | None
    repeats: float
    cpu: float


def _cost(results: Results) -> tuple[list[_Cost], str]:
    """Return what each strategy cost, and the unit of its simulated training.

    Training that goes on is a query and no repeat; tasks are in the training.
    """
    trials, runs = results.trials, results.runs
    cpu = runs.groupby("strategy")["cpu"].mean()
    rows = []
    for strategy in results.strategies:
        mine = trials[trials["strategy"] == strategy]
        if len(mine):
            repeats = float(_repeated(mine).mean() * 100)
            count = mine["run"].nunique()
            tasks = results.tasks["cost"][results.tasks["strategy"] == strategy].sum()
            known = mine["cost"].notna().any()
            seconds = float((mine["cost"].sum() + tasks) / count) if known else None
            rows.append(_Cost(strategy, len(mine) / count, seconds, repeats, float(cpu[strategy])))
    unit, of = unit_of_times([row.training for row in rows if row.training is not None])
    return [
        row if row.training is None else row._replace(training=row.training / of) for row in rows
    ], unit


def _repeated(trials: pd.DataFrame) -> pd.Series:
    """Return which trials start an architecture anew that their run had trained before."""
    started = trials["continues"].isna()
    return started & trials[["run", "arch"]].where(started).duplicated()
