"""All figures of a comparison of strategies, with captions that say how to read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench.report import figures, funnel, funnel_figures
from workbench.report import over_benchmarks_figures as pooled_figures
from workbench.report.drawing import Drawing, there
from workbench.report.over_benchmarks import RANKS_FROM, Leading, matrices, ranked
from workbench.report.results import Results
from workbench.report.run_length import FINE, UNITS, distributions
from workbench.report.run_length_figures import reached
from workbench.report.score_figures import anytime_numbers, anytime_scores
from workbench.statistics.bootstrap import Interval

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_Drawn = tuple[str, str, "Figure | None", str, pd.DataFrame]


def drawings(
    results: Results, scores: Mapping[str, Interval], lead: Sequence[Leading]
) -> list[Drawing]:
    """Return the figures that a study calls for; ``scores`` are pooled, ``lead`` is of the best."""
    return there(
        [
            *_ranking(results, scores),
            *_anytime(results),
            *_run_lengths(results),
            *_improvement(results, scores, lead),
            *_profile(results),
            *_ranks(results),
            *_generalisation(results),
            *_funnels(results),
        ]
    )


def _ranking(results: Results, scores: Mapping[str, Interval]) -> list[_Drawn]:
    if not scores:
        return []
    several = len(results.benchmarks) > 1
    return [
        (
            "ranking",
            "Ranking over benchmarks" if several else "Ranking",
            figures.ranking(results, scores),
            f"{'Left: n' if several else 'N'}ormalised score of the final incumbents, interquartile"
            " mean over all runs and benchmarks, with its 95 % interval; farther right is better."
            + (" Right: rank of the mean score on each benchmark, 1 is best." if several else ""),
            figures.ranking_numbers(results, scores),
        )
    ]


def _anytime(results: Results) -> list[_Drawn]:
    found: list[_Drawn] = []
    runs, partial = results.meta["study"]["replicates"], _partial_words(results)
    for axis, name in (("query", "queries"), ("ended", "seconds")):
        words = "simulated seconds of training" if axis == "ended" else name
        numbers = figures.regret_numbers(results, axis)
        found.append(
            (
                f"regret-{name}",
                f"Regret against {words}",
                figures.anytime(results, axis, numbers),
                f"Mean over {runs} runs of the true regret of the architecture that looked best so"
                " far, with its 95 % interval; lower is better, the scale is logarithmic. The"
                " dotted line, where in range, is the regret of the mean random architecture; the"
                f" optimum is 0, below any logarithm.{partial}",
                numbers,
            )
        )
        numbers = anytime_numbers(results, axis)
        found.append(
            (
                f"scores-{name}",
                f"Validation and test against {words}",
                anytime_scores(results, axis, numbers),
                "The same incumbents in the unit of the metric: stored means of validation and,"
                " where the benchmark has them, of test, which no strategy sees. Mean over runs"
                " with its 95 % interval. A test curve that falls while validation rises is"
                " overfitting to the search data.",
                numbers,
            )
        )
    return found


def _run_lengths(results: Results) -> list[_Drawn]:
    found = {axis: distributions(results, axis) for axis in UNITS}
    numbers = pd.concat([frame.assign(unit=UNITS[axis]) for axis, frame in found.items()])
    return [
        (
            "run-lengths",
            "How soon runs come close",
            reached(results, found),
            f"Part of all (run, target) pairs reached within a budget, with its 95 % interval;"
            f" farther up and left is better. The {len(FINE)} targets leave {100 * FINE[0]:.0f} %"
            f" to {100 * FINE[-1]:.1f} % of the way from the mean random architecture to the"
            " optimum, evenly on a logarithmic scale; benchmarks weigh the same. Over seconds only"
            " those count that know them.",
            numbers,
        )
    ]


def _improvement(
    results: Results, scores: Mapping[str, Interval], lead: Sequence[Leading]
) -> list[_Drawn]:
    if not lead:
        return []
    best = max(scores, key=lambda s: scores[s].estimate)
    rows = [(best, one.other, *one.chance, one.magnitude) for one in lead]
    columns = ["strategy", "other", "chance", "low", "high", "size"]
    return [
        (
            "improvement",
            f"How often {best} ends better",
            pooled_figures.improvement(results, best, lead),
            "Probability of improvement: the chance that a run of the leading strategy ends with a"
            " better true score than a run of the other on the same benchmark, ties counting half,"
            " mean over benchmarks, with its 95 % interval. Right of the line it is more often"
            " better; words are Vargha and Delaney's for the size of the effect.",
            pd.DataFrame(rows, columns=columns),
        )
    ]


def _profile(results: Results) -> list[_Drawn]:
    numbers = pooled_figures.profiles(results, matrices(results))
    return [
        (
            "profile",
            "Performance profile",
            pooled_figures.profile(results, numbers),
            "Part of all runs whose final normalised score lies above the one at the axis, with its"
            " 95 % interval. A curve above another everywhere is better by any measure; where two"
            " cross, it depends on what score is asked for.",
            numbers,
        )
    ]


def _ranks(results: Results) -> list[_Drawn]:
    found = ranked(results)
    names = list(matrices(results))
    if found is None or len(next(iter(matrices(results).values())).T) < RANKS_FROM:
        return []
    test, apart = found
    return [
        (
            "critical-differences",
            "Mean ranks and the critical difference",
            pooled_figures.critical_differences(names, test, apart, results.strategies),
            f"Mean rank over benchmarks, 1 is best; what a bar joins, Nemenyi's test cannot tell"
            f" apart at 5 %: its mean ranks are less than {apart:.2f} apart. Friedman's test of"
            f" whether any differ: p = {test.p:.2g} (Iman and Davenport).",
            pd.DataFrame({"strategy": names, "rank": test.ranks}),
        )
    ]


def _generalisation(results: Results) -> list[_Drawn]:
    columns = ["benchmark", "strategy", "run_replicate", "incumbent_truth_own", "incumbent_test"]
    return [
        (
            "generalisation",
            "Validation and test of what was found",
            figures.generalisation(results),
            "Each point is one run's final incumbent: stored mean of validation against stored mean"
            " of test. A strategy that is right of others but not above them has fitted the"
            " validation data.",
            results.final.loc[results.final["incumbent_test"].notna(), columns],
        )
    ]


def _funnels(results: Results) -> list[_Drawn]:
    """Return the figures of strategies that filter, where there are any."""
    stages: list[dict[str, Any]] = [
        {"benchmark": bench, "strategy": label} | stage._asdict()
        for bench in results.benchmarks
        for label in funnel.funnels(results, bench)
        for stage in funnel.stages_of(results, bench, label)
    ]
    worth = [
        (bench, name, *value)
        for bench in results.benchmarks
        for label, less in funnel.ablations(results, bench).items()
        for name, value in funnel.mean_regrets(results, bench, [label, *less]).items()
    ]
    return [
        (
            "funnel",
            "What the funnel lets through",
            funnel_figures.passing(results),
            "Candidates of a mean round that come into a stage (light) and are let through (dark);"
            " beside them the simulated seconds of the stage in a run, those of rounds that the"
            " budget cut off too, how much of the true top 1 % that came in it kept, and by how"
            " much the best that came in was better than the best that was let through.",
            pd.DataFrame(stages),
        ),
        (
            "ablation",
            "What each stage is worth",
            funnel_figures.ablation(results),
            "Mean true regret of the final incumbents at equal simulated seconds, with the 95 %"
            " interval: the whole funnel, and with one stage left out; lower is better.",
            pd.DataFrame(worth, columns=["benchmark", "strategy", "regret", "low", "high"]),
        ),
    ]


def _partial_words(results: Results) -> str:
    """Return what to know where some trainings are shorter than others; nothing otherwise."""
    lengths = results.trials.groupby("benchmark", observed=True)["epochs"].nunique()
    if lengths.max() < 2:
        return ""
    return (
        " Some queries train for fewer epochs than others, and what looked best is the best score"
        " observed at any of them: compare over seconds, not over queries."
    )
