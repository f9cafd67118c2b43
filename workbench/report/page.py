"""``report.html`` of a comparison of strategies; verdict first."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.report import figures, funnel, funnel_figures
from workbench.report.numbers import with_what_is_missing
from workbench.report.render import common, parameters_text, write_page
from workbench.report.results import Results, pooled, summary, timing
from workbench.report.style import svg
from workbench.statistics.comparison import compare_all
from workbench.statistics.verdict import verdict

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


def write_report(results: Results) -> Path:
    """Write ``report.html`` into the study folder and return its path."""
    return write_page(results.folder, "strategies.html", content(results))


def content(results: Results) -> dict[str, Any]:
    """Return everything the page shows."""
    study, used = results.meta["study"], results.meta["parameters"]
    comparisons = compare_all(_complete(results))
    scores = pooled(results)
    return common(results.meta, results.runs, "strategy") | {
        "compared": "strategy",
        "budget": budget_words(study),
        "verdict": verdict_of(results),
        "figures": list(_figures(results, scores)),
        "summary": summary(results),
        "ordered": _ordered,
        "cost": _cost(results),
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
        "missing": [b for b in results.benchmarks if not results.meta["benchmarks"][b]["test"]],
        "without_cost": [
            b for b in results.benchmarks if not results.meta["benchmarks"][b]["has_cost"]
        ],
    }


def verdict_of(results: Results) -> list[str]:
    """Return the verdict of a study in sentences; says so where nothing can be said yet."""
    return with_what_is_missing(_verdict(results), results.meta, results.runs)


def _verdict(results: Results) -> list[str]:
    study = results.meta["study"]
    scores = pooled(results)
    if not scores:
        if results.final.empty:
            return ["No verdict: no run has ended with an incumbent. Is the budget too short?"]
        return [
            "No verdict: no benchmark of this study has architectures of different, known true"
            " scores, by which results could be compared."
        ]
    # Of one strategy alone there is nothing complete to compare, but there are its runs.
    ended = _complete(results) or results.scores("normalised")
    runs = min((len(v) for s in ended.values() for v in s.values() if len(v)), default=0)
    return verdict(scores, compare_all(_complete(results)), runs, budget_words(study))


def budget_words(study: dict[str, Any]) -> str:
    """Return a budget as words, such as ``100 queries``."""
    queries, seconds = study["budget"]["queries"], study["budget"]["seconds"]
    words = [f"{queries:,} {'query' if queries == 1 else 'queries'}"] if queries else []
    words += [f"{seconds:,g} simulated seconds"] if seconds else []
    several = f" on {study['workers']} simulated workers" if study["workers"] > 1 else ""
    return " or ".join(words) + several


def _figures(results: Results, scores: Any) -> Any:
    study = results.meta["study"]
    runs = study["replicates"]
    drawn: list[tuple[str, Figure | None, str]] = []
    if scores:
        drawn.append(
            (
                "Ranking over benchmarks",
                figures.ranking(results, scores),
                "Left: normalised score of the final incumbents, interquartile mean over all runs"
                " and benchmarks, with its 95 % interval; farther right is better. Right: rank of"
                " the mean score on each benchmark, 1 is best.",
            )
        )
    for axis, words in (("query", "queries"), ("ended", "simulated seconds of training")):
        drawn.append(
            (
                f"Regret against {words}",
                figures.anytime(results, axis),
                f"Mean over {runs} runs of the true regret of the architecture that looked best so"
                " far, with its 95 % interval; lower is better, the scale is logarithmic. The"
                " dotted line, where in range, is the regret of the mean random architecture."
                + _partial_words(results),
            )
        )
    drawn.append(
        (
            "Validation and test of what was found",
            figures.generalisation(results),
            "Each point is one run's final incumbent: stored mean of validation against stored mean"
            " of test. A strategy that is right of others but not above them has fitted the"
            " validation data.",
        )
    )
    drawn += _funnels(results)
    for i, (title, drawing, caption) in enumerate(drawn):
        if drawing is not None:
            yield title, svg(drawing, f"{title}. {caption}", f"figure{i}"), caption


def _funnels(results: Results) -> list[tuple[str, Figure | None, str]]:
    """Return the figures of strategies that filter, where there are any."""
    return [
        (
            "What the funnel lets through",
            funnel_figures.passing(results),
            "Candidates of a mean round that come into a stage (light) and are let through (dark);"
            " beside them the simulated seconds of the stage in a run, how much of the true top 1 %"
            " that came in it kept, and by how much the best that came in was better than the best"
            " that was let through.",
        ),
        (
            "What each stage is worth",
            funnel_figures.ablation(results),
            "Mean true regret of the final incumbents at equal simulated seconds, with the 95 %"
            " interval: the whole funnel, and with one stage left out; lower is better.",
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


def _ordered(bench: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Return the strategies of a benchmark that have finished runs, best mean score first."""
    known = [(s, row) for s, row in bench["strategies"].items() if row["score"]]
    sign = 1 if bench["metric"]["direction"] == "min" else -1
    return sorted(known, key=lambda item: sign * item[1]["score"]["mean"])


def _complete(results: Results) -> dict[str, dict[str, Any]]:
    """Return normalised final scores where every strategy has some."""
    scores = results.scores("normalised")
    return {b: s for b, s in scores.items() if all(len(v) for v in s.values()) and len(s) > 1}


def _cost(results: Results) -> list[tuple[str, float, float | None, float, float]]:
    """Return per strategy: queries, simulated hours, repeats in %, CPU seconds of a run.

    Training that goes on is a query and no repeat; tasks are in the hours.
    """
    trials, runs = results.trials, results.runs
    cpu = runs.groupby("strategy")["cpu"].mean()
    rows = []
    for strategy in results.strategies:
        mine = trials[trials["strategy"] == strategy]
        if len(mine):
            repeats = _repeated(mine).mean() * 100
            count = mine["run"].nunique()
            tasks = results.tasks["cost"][results.tasks["strategy"] == strategy].sum()
            hours = (
                (mine["cost"].sum() + tasks) / 3600 / count if mine["cost"].notna().any() else None
            )
            rows.append((strategy, len(mine) / count, hours, float(repeats), float(cpu[strategy])))
    return rows


def _repeated(trials: pd.DataFrame) -> pd.Series:
    """Return which trials start an architecture anew that their run had trained before."""
    started = trials["continues"].isna()
    return started & trials[["run", "arch"]].where(started).duplicated()
