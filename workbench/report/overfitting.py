"""What choosing by validation cost on test: how far the test score of what was chosen lies below.

Test scores of tables are stored means; no strategy sees them, and nothing is chosen by them here.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from workbench.report.numbers import difference
from workbench.report.results import Results


class Cost(NamedTuple):
    """A strategy on a benchmark, means over runs in the unit of the test score.

    ``test`` is that of the final incumbents, ``own`` how much better the best of each run's own
    trainings is by test, ``known`` how much better the best of all runs of the study is; both are
    >= 0. ``right`` is the share of runs whose incumbent is also the best of theirs by test.
    """

    strategy: str
    test: float
    own: float
    known: float
    right: float


def costs(results: Results, bench: str) -> list[Cost]:
    """Return what overfitting cost each strategy on a benchmark; none without test scores."""
    facts = results.meta["benchmarks"][bench]["test"]
    trials = results.trials[results.trials["benchmark"] == bench]
    trials = trials[np.isfinite(trials["test"].astype(float))]
    if not facts or trials.empty:
        return []
    sign = -1.0 if facts["direction"] == "min" else 1.0
    best = (sign * trials["test"]).groupby(trials["run"]).max()
    final = results.final[results.final["benchmark"] == bench]
    final = final[final["incumbent_test"].notna()]
    rows = pd.DataFrame({"strategy": final["strategy"], "test": sign * final["incumbent_test"]})
    rows["own"] = final["run"].map(best) - rows["test"]
    rows["known"] = best.max() - rows["test"]
    found = []
    for strategy in results.strategies:
        mine = rows[rows["strategy"] == strategy]
        if len(mine):
            means = mine[["test", "own", "known"]].mean()
            right = float((mine["own"] <= 0).mean())
            found.append(Cost(strategy, sign * means["test"], means["own"], means["known"], right))
    return sorted(found, key=lambda cost: cost.known)


def best_known(results: Results, bench: str) -> float:
    """Return the best test score of all that any run of the study trained."""
    test = results.trials.loc[results.trials["benchmark"] == bench, "test"].astype(float)
    lower = results.meta["benchmarks"][bench]["test"]["direction"] == "min"
    return float(test.min() if lower else test.max())


def words(results: Results) -> list[str]:
    """Return in a sentence a benchmark what choosing by validation cost, over all strategies."""
    said = []
    for bench in results.benchmarks:
        if found := costs(results, bench):
            unit = results.meta["benchmarks"][bench]["test"]["unit"]
            own = difference(float(np.mean([cost.own for cost in found])), unit)
            right = np.mean([cost.right for cost in found])
            said.append(
                f"{bench}: had runs chosen by test what they chose by validation, they would have"
                f" ended {own} better on average; in"
                f" {100 * right:.0f} % of runs both choose the same."
            )
    return said
