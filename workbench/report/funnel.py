"""The ledger of a funnel: what every stage took in, let through, cost and threw away, over runs."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from workbench import seeds
from workbench.report.results import Results
from workbench.statistics.bootstrap import Interval, interval
from workbench.statistics.comparison import Comparison
from workbench.types import Floats


class Stage(NamedTuple):
    """A stage over the runs of a strategy on a benchmark: means of a run.

    ``recall`` is the share of the true top 1 % among what came in that was let through, of all runs
    together; ``regret`` by how much a round's best was better before the stage than after it. Both
    are None where the truth is not known, and ``recall`` where nothing of the top came in.
    """

    name: str
    rounds: float
    ranked: float
    arrived: float
    kept: float
    seconds: float
    hits: float | None
    recall: float | None
    regret: float | None


def stages_of(results: Results, bench: str, strategy: str) -> list[Stage]:
    """Return the stages of a strategy in their order; none where it is no funnel."""
    of = results.measures
    mine = of[(of["benchmark"] == bench) & (of["entry"] == strategy)]
    return [stage_of(str(name), rows) for (_, name), rows in mine.groupby(["size", "test_set"])]


def ledger(results: Results, bench: str, strategy: str) -> dict[str, dict[str, Any]]:
    """Return what ``summary.json`` holds of a strategy's stages, by name; empty without any."""
    found = stages_of(results, bench, strategy)
    return {stage.name: stage._asdict() | {"position": i} for i, stage in enumerate(found)}


def ablations(results: Results, bench: str) -> dict[str, list[str]]:
    """Return, of every funnel on a benchmark, the labels of those with one stage less."""
    labels = [s for s in results.strategies if stages_of(results, bench, s)]
    found = {}
    for label in labels:
        less = [f"{label} without {stage.name}" for stage in stages_of(results, bench, label)]
        if some := [one for one in less if one in labels]:
            found[label] = some
    return found


def funnels(results: Results, bench: str) -> list[str]:
    """Return the labels of the funnels on a benchmark that are no ablation of another."""
    less = {one for some in ablations(results, bench).values() for one in some}
    labels = [s for s in results.strategies if stages_of(results, bench, s)]
    return [label for label in labels if label not in less]


def mean_regrets(results: Results, bench: str, labels: list[str]) -> dict[str, Interval]:
    """Return the mean regret of the final incumbents with its 95 % interval."""
    scores, seed = results.scores("regret")[bench], results.meta["study"]["seed"]
    return {
        label: interval(scores[label], _means, seeds.generator(seed, bench, label, "ablation"))
        for label in labels
        if len(scores[label])
    }


def sentences(results: Results, comparisons: list[Comparison]) -> list[str]:
    """Return what leaving out each stage changed, in words: gain, loss, or nothing that is real."""
    several = len(results.benchmarks) > 1
    said = []
    for bench in results.benchmarks:
        on = f"On {bench}, " if several else ""
        for label, less in ablations(results, bench).items():
            means = mean_regrets(results, bench, [label, *less])
            for one in less:
                pair = next((c for c in comparisons if _is(c, bench, label, one)), None)
                if pair is not None and label in means and one in means:
                    words = _idle(stages_of(results, bench, label), label, one)
                    said.append(on + _sentence(pair, label, one, means) + words)
    return said


def _is(comparison: Comparison, bench: str, a: str, b: str) -> bool:
    return comparison.task == bench and {comparison.first, comparison.second} == {a, b}


def _idle(stages: list[Stage], label: str, without: str) -> str:
    """Return what to know of a stage that mostly had too little to rank by; nothing otherwise."""
    stage = next(s for s in stages if without == f"{label} without {s.name}")
    if 2 * stage.ranked >= stage.rounds:
        return ""
    return (
        f" It had enough to rank by in {stage.ranked:.2g} of {stage.rounds:.2g} rounds only, and"
        " else kept what came first: the difference is mostly that of keeping fewer."
    )


def _sentence(pair: Comparison, label: str, without: str, means: dict[str, Interval]) -> str:
    stage = without.removeprefix(f"{label} without ")
    numbers = (
        f"mean regret {means[label].estimate:.3f} with it and {means[without].estimate:.3f}"
        f" without, p = {pair.p:.2g}, after correction {pair.adjusted:.2g}"
    )
    if not pair.real:
        return (
            f"Leaving out {stage} of {label} makes no difference that could be shown ({numbers})."
        )
    gains = (pair.probability > 0.5) == (pair.first == label)
    verb = "saves more than it loses" if gains else "loses more than it saves"
    return f"The stage {stage} of {label} {verb} ({numbers})."


def stage_of(name: str, rows: pd.DataFrame) -> Stage:
    """Return a stage from the measures of its runs."""
    by = rows.groupby("metric")["value"]
    mean, total = by.mean(), by.sum()
    known = "hits_in" in mean
    some = known and total["hits_in"] > 0
    return Stage(
        name,
        float(mean["rounds"]),
        float(mean["ranked"]),
        float(mean["in"]),
        float(mean["out"]),
        float(mean["seconds"]),
        float(mean["hits_in"]) if known else None,
        float(total["hits_out"] / total["hits_in"]) if some else None,
        float(mean["regret"]) if "regret" in mean else None,
    )


def _means(scores: Floats) -> Floats:
    return np.asarray(scores.mean(axis=(1, 2)))
