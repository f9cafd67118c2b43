"""What a comparison of predictors says, in plain sentences, most important first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from workbench.report.numbers import and_list, constant_words, with_what_is_missing
from workbench.report.quality import Quality
from workbench.report.quality_figures import HONEST
from workbench.report.quality_lead import lead, lead_words
from workbench.statistics.comparison import LEVEL
from workbench.statistics.paired import Difference, against, against_the_best, least_signed_rank_p
from workbench.types import Floats

_FEW = 6
"""Fewer pairs cannot give a p value below .05 (2 / 2**5 = .0625)."""

_CALIBRATED_FROM = 100


def ranking(quality: Quality) -> pd.Series:
    """Return mean ranks over the benchmarks that all predictors share, best first.

    Ranks are of mean tau at the reference size, 1 is best. Where they share no benchmark, each is
    ranked where it was run.
    """
    size = quality.reference
    means = quality.means("tau", size)
    common = quality.complete(size)
    ranks = means[common or quality.benchmarks].rank(ascending=False)
    return ranks.mean(axis=1).dropna().sort_values(kind="stable")


def sentences(quality: Quality) -> list[str]:
    """Return the verdict of a predictor study."""
    return with_what_is_missing(_verdict(quality), quality.meta, quality.runs)


def _verdict(quality: Quality) -> list[str]:
    ranks = ranking(quality)
    if ranks.empty:
        return ["No verdict: no run has finished yet."]
    ahead = lead(quality, [str(label) for label in ranks.index])
    first, *few = lead_words(ahead) if ahead else [""]
    said = [_winner(quality, ranks), first, *_by_benchmark(quality)]
    said += [_across(quality, str(ranks.index[0]))] if len(ranks) > 1 else []
    said += [_intervals(quality), constant_words(quality.measures), *few]
    return [sentence for sentence in said if sentence]


def _winner(quality: Quality, ranks: pd.Series) -> str:
    best, size = str(ranks.index[0]), quality.reference
    benches = quality.complete(size) or quality.benchmarks
    first = next(b for b in quality.benchmarks if best in quality.of("tau", b))
    found = quality.of("tau", first)[best]
    # Of many sizes the two ends and the one that ranks.
    named = [*found] if len(found) < 5 else sorted({min(found), size, max(found)} & {*found})
    taus = ", ".join(f"{np.nanmean(found[n]):.3f} from {n:,}" for n in named)
    over = f"over {len(benches)} benchmarks" if len(benches) > 1 else f"on {benches[0]}"
    if left := len(quality.benchmarks) - len(benches):
        over += f" ({left} more, on which not all were compared, are left out)"
    first_place = (
        f"has the best mean rank, {ranks.iloc[0]:.1f} of {len(ranks)} {over},"
        if len(benches) > 1
        else f"is highest {over}"
    )
    return (
        f"{best} {first_place} at ordering unseen architectures from {size} trained ones, by"
        f" Kendall's tau. On {first} it reaches {taus}."
    )


def _by_benchmark(quality: Quality) -> list[str]:
    """Say what cannot be told from the best on each benchmark of enough replicates."""
    size = quality.reference
    said: list[str] = []
    for bench in quality.benchmarks:
        scores = quality.paired(bench, size)
        if len(scores) < 2 or len(next(iter(scores.values()))) < _FEW:
            continue
        found = against_the_best(scores)
        even = [d.other for d in found if not d.real]
        pairs = found[0].pairs
        same = (
            f"it cannot be told from {and_list(even)}" if even else "all others are really below it"
        )
        test = (
            f" (Wilcoxon signed-rank test over {pairs} replicates, which share their splits,"
            f" Holm-corrected, {100 * LEVEL:.0f} % level)"
        )
        said.append(
            f"On {bench} at n = {size}, {found[0].best} is highest"
            f" ({scores[found[0].best].mean():.3f}); {same}{'' if said else test}."
        )
    return said


def _across(quality: Quality, best: str) -> str:
    """Say what the mean taus of all benchmarks together show of the best of them."""
    size = quality.reference
    means = quality.means("tau", size)[quality.complete(size)]
    pairs = means.shape[1]
    if len(quality.benchmarks) == 1:
        return ""
    if pairs < _FEW:
        return (
            f"{pairs} {'benchmark is' if pairs == 1 else 'benchmarks are'} shared by all: too few"
            " to say what holds beyond them."
        )
    found = against(best, {str(k): row.to_numpy() for k, row in means.iterrows()})
    real = [d for d in found if d.real]
    least = least_signed_rank_p(pairs) * len(found)
    limit = ""
    if least >= LEVEL:
        limit = f" (with {pairs} pairs no corrected p can fall below {least:.2f})"
    return (
        f"Over all {pairs} shared benchmarks, {best} is really {_split(real)}; from"
        f" {len(found) - len(real)} of {len(found)} others it cannot be told{limit} (Wilcoxon"
        f" signed-rank test on mean tau, Holm-corrected)."
    )


def _split(real: Sequence[Difference]) -> str:
    above = [d.other for d in real if d.mean > 0]
    below = [d.other for d in real if d.mean < 0]
    words = [f"better than {and_list(above)}"] if above else []
    words += [f"worse than {and_list(below)}"] if below else []
    return " and ".join(words) or "neither better nor worse than any"


def _intervals(quality: Quality) -> str:
    """Name the predictors whose 90 % intervals cover too little or too much."""
    measures = quality.measures
    mine = measures[(measures["metric"] == "coverage") & (measures["size"] >= _CALIBRATED_FROM)]
    mine = mine[mine["test_set"] == quality.first_set]
    if mine.empty:
        return ""
    bench = quality.benchmarks[0]
    mean = mine[mine["benchmark"] == bench].groupby("entry", sort=False)["value"].mean()
    low, high = HONEST
    off = [f"{k} {v:.2f}" for k, v in mean.items() if not low <= v <= high]
    if not off:
        return (
            f"The 90 % intervals of all predictors with deviations ({len(mean)}) cover between"
            f" {low:.2f} and {high:.2f} on {bench} from n = {_CALIBRATED_FROM} on."
        )
    return (
        f"On {bench}, from n = {_CALIBRATED_FROM} on, the 90 % intervals of {and_list(off)} lie"
        f" outside {low:.2f} to {high:.2f}; do not trust their deviations. Those of the other"
        f" {len(mean) - len(off)} can be trusted."
    )


class Row(NamedTuple):
    """A predictor on a benchmark: tau by size in words, ``OTHERS`` at the reference size."""

    label: str
    taus: list[str]
    others: dict[str, float | None]


def mean_table(quality: Quality, bench: str) -> list[Row]:
    """Return one row a predictor, the highest mean tau at the reference size first."""
    tau, size = quality.of("tau", bench), quality.reference
    others = {metric: quality.of(metric, bench) for metric in OTHERS}
    order = {k: _mean(v.get(size)) or -np.inf for k, v in tau.items()}
    return [
        Row(
            label,
            [_mean_and_error(tau[label].get(n)) for n in quality.sizes(bench)],
            {metric: _mean(found.get(label, {}).get(size)) for metric, found in others.items()},
        )
        for label in sorted(tau, key=lambda label: -order[label])
    ]


OTHERS = (
    "spearman", "pearson", "sparse_tau", "precision", "regret", "top_tau", "coverage", "nll",
    "fit_seconds", "query_seconds",
)  # fmt: skip
"""Measures of the table beside tau."""


def _mean(values: Floats | None) -> float | None:
    if values is None or not np.isfinite(values).any():
        return None
    return float(np.nanmean(values))


def _mean_and_error(values: Floats | None) -> str:
    mean = _mean(values)
    if mean is None or values is None:
        return "–"  # noqa: RUF001
    known = values[np.isfinite(values)]
    error = f" ± {known.std(ddof=1) / len(known) ** 0.5:.3f}" if len(known) > 1 else ""
    return f"{mean:.3f}{error}"
