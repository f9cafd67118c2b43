"""The verdict in words: which strategy won, by how much, which differences are real and why."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from workbench.statistics.bootstrap import Interval
from workbench.statistics.comparison import LEVEL, Comparison, least_p
from workbench.statistics.trust import ENOUGH, trusted


class Tally(NamedTuple):
    """On how many tasks one strategy is really better, really worse, or neither."""

    better: int
    worse: int
    open: int


def tally(comparisons: Sequence[Comparison], first: str, second: str) -> Tally:
    """Return how ``first`` fares against ``second`` over all tasks."""
    better = worse = even = 0
    for c in comparisons:
        if {c.first, c.second} == {first, second}:
            ahead = (c.probability > 0.5) == (c.first == first)
            better += c.real and ahead
            worse += c.real and not ahead
            even += not c.real
    return Tally(better, worse, even)


def verdict(
    pooled: Mapping[str, Interval],
    comparisons: Sequence[Comparison],
    runs: int,
    budget: str,
) -> list[str]:
    """Return the verdict as sentences, most important first.

    Parameters
    ----------
    pooled : mapping of strategy to Interval
        Interquartile mean of the normalised score over all runs and tasks.
    comparisons : sequence of Comparison
        Every pair on every task.
    runs : int
        Runs of each strategy on each task.
    budget : str
        Such as ``100 queries``.
    """
    order = sorted(pooled, key=lambda s: -pooled[s].estimate)
    best, rest = order[0], order[1:]
    scale = "1 is the best architecture of a benchmark, 0 the mean random one"
    tasks = len({c.task for c in comparisons})
    few = [said for said in [small_study(runs, max(tasks, 1))] if said]
    if not rest or not comparisons:
        return [
            f"After {budget}, {best} has a normalised score of {_interval(pooled[best])}; {scale}.",
            *few,
        ]
    said = [
        f"After {budget}, {best} is ahead: normalised score {_interval(pooled[best])}, followed by"
        f" {rest[0]} with {_interval(pooled[rest[0]])}; {scale}."
    ]
    if least_p(runs) * len(comparisons) >= LEVEL:
        return [
            *said,
            f"No difference is shown to be real, and none could be, however large: with"
            f" {counted(runs, 'run')} each, no rank test over"
            f" {counted(len(comparisons), 'comparison')} can reach the 5 % level.",
            *few,
        ]
    said += _against(best, rest, comparisons, tasks)
    said += _last(order, comparisons, tasks)
    said.append(
        f"A difference counts as real where a two-sided Mann-Whitney U test on the final true"
        f" scores of {runs} runs each stays below 5 % after Holm's correction for"
        f" {counted(len(comparisons), 'comparison')}. It is a rank test because scores near the"
        " optimum pile up and are far from normal; intervals are 95 % stratified bootstrap"
        " intervals of the interquartile mean."
    )
    return [*said, *few]


def counted(number: int, thing: str) -> str:
    """Return a number with its noun, in the plural where there is not one."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def small_study(runs: int, tasks: int) -> str | None:
    """Return what to say of a study whose intervals are too narrow; None where they are not."""
    if runs >= ENOUGH:
        return None
    few, covered = f"Only {counted(runs, 'run')} each", trusted(runs, tasks)
    if not covered:
        return f"{few}: there are no intervals."
    return (
        f"{few}: 95 % intervals are too narrow. In simulated"
        f" studies of this size, or the next smaller, {100 * covered:.0f} % of them hold the truth."
    )


def _against(
    best: str, rest: Sequence[str], comparisons: Sequence[Comparison], tasks: int
) -> list[str]:
    groups: dict[Tally, list[str]] = {}
    for other in rest:
        groups.setdefault(tally(comparisons, best, other), []).append(other)
    said = []
    for count, others in groups.items():
        names = _and(others)
        if count.better and not count.worse:
            nowhere = ", and nowhere worse" if count.better < tasks else ""
            said.append(f"It is really better than {names}{_on(count.better, tasks)}{nowhere}.")
        elif count.worse:
            said.append(
                f"Against {names} it is really better on {count.better} and really worse on"
                f" {count.worse} of {tasks} benchmarks."
            )
        else:
            said.append(f"It cannot be told apart from {names}{_on(0, tasks)}.")
    return said


def _last(order: Sequence[str], comparisons: Sequence[Comparison], tasks: int) -> list[str]:
    """Say which strategies do no better than random search, where that is in the study."""
    others = [s for s in order if s != "random_search"]
    if len(others) < 2 or len(others) == len(order):
        return []
    no_better = [s for s in others if not tally(comparisons, s, "random_search").better]
    if no_better:
        shown = "It is not shown" if tasks == 1 else "No benchmark shows"
        return [f"{shown} that {_and(no_better)} do{_s(no_better)} better than random search."]
    least = min(tally(comparisons, s, "random_search").better for s in others)
    on = _on(least, tasks)
    least_on = on if least == tasks else f" on at least {least} of {tasks} benchmarks"
    return [f"Every other strategy is really better than random search{least_on}."]


def _on(some: int, tasks: int) -> str:
    if tasks == 1:
        return ""
    if some == 0:
        return " on any benchmark"
    return f" on all {tasks} benchmarks" if some == tasks else f" on {some} of {tasks} benchmarks"


def _s(names: Sequence[str]) -> str:
    return "es" if len(names) == 1 else ""


def _interval(value: Interval) -> str:
    if math.isnan(value.low):
        return f"{value.estimate:.3f}"
    return f"{value.estimate:.3f} [{value.low:.3f}, {value.high:.3f}]"


def _and(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
