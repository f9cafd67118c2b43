"""The verdict in words: which strategy won, by how much, which differences are real and why."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from workbench.statistics.bootstrap import Interval
from workbench.statistics.comparison import LEVEL, Comparison, least_p
from workbench.statistics.paired import Difference, least_signed_rank_p
from workbench.statistics.trust import ENOUGH, trusted


class Tally(NamedTuple):
    """The tasks on which one strategy is really better, really worse, or neither."""

    better: tuple[str, ...]
    worse: tuple[str, ...]
    open: tuple[str, ...]


def tally(comparisons: Sequence[Comparison], first: str, second: str) -> Tally:
    """Return how ``first`` fares against ``second`` over all tasks."""
    found: dict[str, list[str]] = {"better": [], "worse": [], "open": []}
    for c in comparisons:
        if {c.first, c.second} == {first, second}:
            ahead = (c.probability > 0.5) == (c.first == first)
            found["open" if not c.real else "better" if ahead else "worse"].append(c.task)
    return Tally(*map(tuple, found.values()))


def verdict(
    pooled: Mapping[str, Interval],
    comparisons: Sequence[Comparison],
    runs: int,
    budget: str,
    differences: Sequence[Difference] = (),
    chance: Interval | None = None,
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
    differences : sequence of Difference
        Every pair over tasks, where there are enough of these.
    chance : Interval, optional
        How likely a run of the first ends better than one of the second; where .5 is in it, the
        first is not called ahead.
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
    against, second = tally(comparisons, best, rest[0]), _interval(pooled[rest[0]])
    over = {d.best: d for d in differences if {d.best, d.other} == {best, rest[0]} and d.real}
    likely = chance is None or not chance.low <= 0.5
    if likely and not against.worse and (against.better or best in over):
        headline = f"is ahead: normalised score {_interval(pooled[best])}, followed by {rest[0]}"
    else:
        mixed = against.better and against.worse
        shown = "better on some benchmarks and worse on others than" if mixed else ""
        headline = (
            f"has the highest normalised score, {_interval(pooled[best])}, but is"
            f" {shown or 'not shown to be ahead of'} {rest[0]}"
        )
    said = [f"After {budget}, {best} {headline} with {second}; {scale}."]
    possible = least_p(runs) * len(comparisons) < LEVEL
    if possible:
        said += _against(best, rest, comparisons, tasks)
    else:
        said.append(
            f"No difference on any benchmark is shown to be real, and none could be, however"
            f" large: with {counted(runs, 'run')} each, no rank test over"
            f" {counted(len(comparisons), 'comparison')} can reach the 5 % level."
        )
    said += _over_tasks(best, differences, tasks)
    if possible:
        said += _last(order, comparisons, tasks, differences)
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
    for on, others in groups.items():
        names = _and(others)
        if on.better and not on.worse:
            nowhere = ", and nowhere worse" if len(on.better) < tasks else ""
            said.append(f"It is really better than {names}{_on(on.better, tasks)}{nowhere}.")
        elif on.worse:
            better = f"really better{_on(on.better, tasks)} and " if on.better else ""
            said.append(f"Against {names} it is {better}really worse{_on(on.worse, tasks)}.")
        else:
            said.append(f"It cannot be told apart from {names}{_on((), tasks)}.")
    return said


def _over_tasks(best: str, differences: Sequence[Difference], tasks: int) -> list[str]:
    """Say what holds of benchmarks in general, as far as those of the study speak for them."""
    mine = [d for d in differences if best in (d.best, d.other)]
    if not mine:
        return []
    if least_signed_rank_p(tasks) * len(differences) >= LEVEL:
        return [f"What holds on benchmarks in general, {tasks} of them are too few to show."]
    better = [d.other for d in mine if d.real and d.best == best]
    worse = [d.best for d in mine if d.real and d.other == best]
    test = f"with the {tasks} benchmarks as the sample (Wilcoxon's signed-rank test, Holm)"
    if not better and not worse:
        return [f"On benchmarks in general it is not shown to be better than any other, {test}."]
    said = []
    if better:
        said.append(f"On benchmarks in general it is really better than {_and(better)}, {test}.")
    if worse:
        said.append(f"On benchmarks in general it is really worse than {_and(worse)}, {test}.")
    return said


def _last(
    order: Sequence[str],
    comparisons: Sequence[Comparison],
    tasks: int,
    differences: Sequence[Difference],
) -> list[str]:
    """Say which strategies do no better than random search, where that is in the study."""
    others = [s for s in order if s != "random_search"]
    if len(others) < 2 or len(others) == len(order):
        return []
    in_general = {d.best for d in differences if d.real and d.other == "random_search"}
    better = {s: tally(comparisons, s, "random_search").better for s in others}
    no_better = [s for s in others if not better[s] and s not in in_general]
    if no_better:
        shown = "It is not shown" if tasks == 1 else "No benchmark shows"
        return [f"{shown} that {_and(no_better)} do{_s(no_better)} better than random search."]
    if not all(better.values()):
        return []
    least = min(map(len, better.values()))
    on = "" if tasks == 1 else f" on all {tasks} benchmarks"
    least_on = on if least == tasks else f" on at least {least} of {tasks} benchmarks"
    return [f"Every other strategy is really better than random search{least_on}."]


def _on(some: Sequence[str], tasks: int) -> str:
    """Return on which benchmarks, named as far as there are few."""
    if tasks == 1:
        return ""
    if not some:
        return " on any benchmark"
    if len(some) == tasks:
        return f" on all {tasks} benchmarks"
    names = f" ({_and(some)})" if len(some) <= _NAMED else ""
    return f" on {len(some)} of {tasks} benchmarks{names}"


_NAMED = 3


def _s(names: Sequence[str]) -> str:
    return "es" if len(names) == 1 else ""


def _interval(value: Interval) -> str:
    if math.isnan(value.low):
        return f"{value.estimate:.3f}"
    return f"{value.estimate:.3f} [{value.low:.3f}, {value.high:.3f}]"


def _and(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
