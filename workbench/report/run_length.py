"""How long runs take to come close to the optimum: run lengths, their ECDF, expected running time.

Targets are fixed before any result is seen: the part of the way from the mean random architecture
to the optimum of a benchmark that is left. All benchmarks are asked the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from workbench import seeds
from workbench.report.numbers import budgets
from workbench.report.results import Results
from workbench.statistics.aggregates import mean
from workbench.statistics.bootstrap import Interval, interval
from workbench.statistics.regret import anytime_regret, area_under_log_regret
from workbench.statistics.runlength import ecdf_bands, run_lengths, running_time_bands
from workbench.types import Floats

TARGETS = np.array([0.2, 0.1, 0.05, 0.02, 0.01])
"""Of the table."""

FINE = np.geomspace(0.5, 0.005, 21)
"""Of the ECDF."""

UNITS = {"query": "queries", "ended": "simulated seconds"}
_RESAMPLES = 500
_POINTS = 100


class Lengths(NamedTuple):
    """Runs of a strategy on a benchmark: ``curves`` is ``(runs, t)`` of the part of the way that
    is left, from ``since`` ``(runs, t)`` on; ``spent`` is the budget of each run.
    """

    curves: Floats
    since: Floats
    spent: Floats

    def to(self, targets: Floats) -> Floats:
        """Return the budget spent when each run first reached each target, ``(runs, targets)``."""
        each = [
            run_lengths(c[None], t, targets) for c, t in zip(self.curves, self.since, strict=True)
        ]
        return np.concatenate(each)


def lengths_of(results: Results, axis: str) -> dict[str, dict[str, Lengths]]:
    """Return the runs of ``[benchmark][strategy]`` over ``query`` or ``ended`` (seconds).

    Benchmarks without known, different true scores are left out, as are those without seconds.
    """
    facts = results.meta["benchmarks"]
    benches = [b for b in results.benchmarks if axis == "query" or facts[b]["has_cost"]]
    trials = results.trials[results.trials["run"].isin(results.final["run"])]
    trials = trials[np.isfinite(trials["normalised"]) & trials["benchmark"].isin(benches)]
    found: dict[str, dict[str, Lengths]] = {}
    for (bench, strategy), mine in trials.groupby(["benchmark", "strategy"], observed=True):
        found.setdefault(str(bench), {})[str(strategy)] = _lengths(mine, axis)
    return {b: found[b] for b in benches if len(found.get(b, ())) == len(results.strategies)}


def _lengths(mine: pd.DataFrame, axis: str) -> Lengths:
    runs = [run for _, run in mine.groupby("run")]
    longest = max(map(len, runs))
    curves, at = np.full((len(runs), longest), np.inf), np.zeros((len(runs), longest))
    for i, run in enumerate(runs):
        left, when = 1 - run["normalised"].to_numpy(), run[axis].to_numpy(dtype=np.float64)
        curves[i, : len(run)], at[i, : len(run)] = left, when
        curves[i, len(run) :], at[i, len(run) :] = left[-1], when[-1]
    return Lengths(curves, at, at[:, -1])


class Reached(NamedTuple):
    """A strategy's expected running time to a target with its interval, and its successes."""

    expected: float
    low: float
    high: float
    successes: int
    runs: int


def axes_of(results: Results) -> dict[str, str]:
    """Return ``[benchmark]`` what its budget is counted in, ``query`` or ``ended``.

    That is seconds where no other budget is given.
    """
    of = budgets(results.meta["study"])
    return {b: "query" if budget["queries"] else "ended" for b, budget in of.items()}


def _by_budget(results: Results) -> dict[str, dict[str, Lengths]]:
    """Return the runs of ``[benchmark][strategy]`` over what the budget is counted in."""
    axes = axes_of(results)
    over = {axis: lengths_of(results, axis) for axis in {*axes.values()}}
    return {b: over[axis][b] for b, axis in axes.items() if b in over[axis]}


def expected(results: Results) -> dict[str, dict[str, list[Reached]]]:
    """Return ``[benchmark][strategy]`` the expected running time to each of ``TARGETS``.

    In queries, or in simulated seconds where these are the budget.
    """
    return {
        bench: {s: _reached(results, bench, s, runs) for s, runs in by_strategy.items()}
        for bench, by_strategy in _by_budget(results).items()
    }


def _reached(results: Results, bench: str, strategy: str, runs: Lengths) -> list[Reached]:
    found = runs.to(TARGETS)
    rng = seeds.generator(results.meta["study"]["seed"], bench, strategy, "running time")
    bands = running_time_bands(found, runs.spent, rng, _RESAMPLES)
    successes = np.isfinite(found).sum(axis=0)
    return [
        Reached(float(middle), float(low), float(high), int(count), len(found))
        for (low, middle, high), count in zip(bands.T, successes, strict=True)
    ]


def areas(results: Results) -> dict[str, dict[str, Interval]]:
    """Return ``[benchmark][strategy]`` the area under the log-regret curve over the budget.

    Regret is the part of the way from the mean random architecture to the optimum that is left;
    what is below the finest of the targets counts as that. It begins where every run of every
    strategy has an incumbent. The budget is that in queries, or in simulated seconds if no other is
    given. Means over runs with 95 % bootstrap intervals.
    """
    seed, of = results.meta["study"]["seed"], budgets(results.meta["study"])
    found: dict[str, dict[str, Interval]] = {}
    for bench, by_strategy in _by_budget(results).items():
        start = max(float(runs.since[:, 0].max()) for runs in by_strategy.values())
        last = max(float(runs.spent.max()) for runs in by_strategy.values())
        budget = of[bench]
        until = last + 1 if budget["queries"] else max(last, budget["seconds"])
        found[bench] = {
            strategy: interval(
                _areas(runs, start, until),
                mean,
                seeds.generator(seed, bench, strategy, "area"),
            )
            for strategy, runs in by_strategy.items()
        }
    return found


def _areas(runs: Lengths, start: float, until: float) -> Floats:
    """Return the area of each run, ``(runs,)``, from a start on."""
    each = []
    for at, left in zip(runs.since, runs.curves, strict=True):
        points = np.unique(np.append(start, at[(at > start) & (at < until)]))
        curve = anytime_regret(at, left, points)[None]
        each.append(area_under_log_regret(curve, points, until, float(FINE[-1])))
    return np.concatenate(each)


def distributions(results: Results, axis: str) -> pd.DataFrame:
    """Return the ECDF of run lengths with its band, one row a strategy and budget.

    Columns are ``strategy``, ``budget``, ``low``, ``reached``, ``high``; empty without benchmarks.
    """
    columns = ["strategy", "budget", "low", "reached", "high"]
    rows = [pd.DataFrame(columns=columns), *_distributions(results, axis)]
    return pd.concat(rows[1:] or rows, ignore_index=True)[columns]


def _distributions(results: Results, axis: str) -> Iterator[pd.DataFrame]:
    found = lengths_of(results, axis)
    if not found:
        return
    everything = [runs for of in found.values() for runs in of.values()]
    last = max(float(runs.spent.max()) for runs in everything)
    first = min(float(runs.since[:, 0].min()) for runs in everything)
    budgets = np.geomspace(max(first, last * 1e-6), last, _POINTS)
    if axis == "query":
        budgets = np.unique(budgets.round())
    for strategy in results.strategies:
        tasks = [of[strategy].to(FINE) for of in found.values()]
        rng = seeds.generator(results.meta["study"]["seed"], strategy, axis, "run lengths")
        low, reached, high = ecdf_bands(tasks, budgets, rng, _RESAMPLES)
        yield pd.DataFrame(
            {"budget": budgets, "low": low, "reached": reached, "high": high}
        ).assign(strategy=strategy)
