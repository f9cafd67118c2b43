"""From the folder of a proxy study to frames, ``summary.json``, ``timing.json`` and sentences."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from workbench.harness.proxy_runner import ALL, SECONDS, TOP
from workbench.harness.proxy_study import COUNTS, ProxyStudy
from workbench.harness.study import stored_study
from workbench.report.numbers import (
    StudyFolder,
    and_list,
    constant_words,
    nested,
    part_of,
    with_what_is_missing,
    write_numbers,
)
from workbench.report.results import timing_of

FEW = 20
"""Of fewer architectures no correlation is shown."""

_FLAT = 0.4


class Agreement(StudyFolder):
    """The folder of a proxy study."""

    @property
    def study(self) -> ProxyStudy:
        """The study as it was run."""
        study = stored_study(self.meta["study"])
        assert isinstance(study, ProxyStudy)
        return study

    @property
    def benchmarks(self) -> list[str]:
        """Labels in the order of the study, of those that have a finished run."""
        there = {*self.measures["benchmark"]}
        return [label for label in self.meta["benchmarks"] if label in there]

    @property
    def counts(self) -> list[str]:
        """The labels of the proxies that only count."""
        return [entry.label for entry in self.study.proxies if entry.name in COUNTS]

    def means(self, metric: str, of: str = ALL) -> pd.DataFrame:
        """Return means over replicates: a row a proxy, the best first, a column a benchmark.

        NaN: not run yet, or within fewer than 20 of the best architectures, which tell nothing.
        """
        mine = self.measures
        mine = mine[(mine["metric"] == metric) & (mine["test_set"] == of)]
        found = _by_benchmark(mine).reindex(index=self.order, columns=self.benchmarks)
        if of == TOP:
            found.loc[:, [self.best(bench) < FEW for bench in self.benchmarks]] = np.nan
        return found

    @property
    def order(self) -> list[str]:
        """Labels by mean Spearman correlation over benchmarks, the highest first."""
        mine = self.measures
        mine = mine[(mine["metric"] == "spearman") & (mine["test_set"] == ALL)]
        mean = _by_benchmark(mine).mean(axis=1)
        return [str(label) for label in mean.sort_values(ascending=False, kind="stable").index]

    def architectures(self, bench: str) -> int:
        """Return how many architectures were ranked on a benchmark."""
        return int(self.measures.loc[self.measures["benchmark"] == bench, "size"].max())

    def best(self, bench: str) -> int:
        """Return how many architectures its truly best part holds."""
        mine = self.measures[self.measures["benchmark"] == bench]
        return int(mine.loc[mine["metric"] == "architectures", "value"].max())


def _by_benchmark(measures: pd.DataFrame) -> pd.DataFrame:
    return measures.pivot_table("value", "entry", "benchmark", aggfunc="mean", sort=False)


def read_agreement(folder: Path | str) -> Agreement:
    """Return what the folder of a proxy study holds so far.

    Raises
    ------
    StoreError
        The folder holds no study.
    """
    return Agreement.read(folder)


def write_agreement(found: Agreement) -> list[Path]:
    """Write ``results.parquet``, ``summary.json`` and ``timing.json`` into the study folder."""
    return write_numbers(found.folder, found.measures, "proxy", summary(found), timing(found))


def summary(found: Agreement) -> dict[str, Any]:
    """Return what ``summary.json`` holds: mean, sd and number of every measure but times."""
    study = found.study
    kept = found.measures[found.measures["metric"] != SECONDS]
    return {
        "study": study.name,
        "kind": study.kind,
        "seed": study.seed,
        "replicates": study.replicates,
        "top": study.top,
        "benchmarks": {b: nested(kept, b) for b in found.benchmarks},
    } | part_of(found.meta)


def timing(found: Agreement) -> dict[str, Any]:
    """Return what ``timing.json`` holds: seconds and hosts, which differ from call to call."""
    times = found.measures[found.measures["metric"] == SECONDS]
    measured = {b: nested(times, b) for b in found.benchmarks}
    return timing_of(found.runs, "entry", found.meta) | {"benchmarks": measured}


def sentences(found: Agreement) -> list[str]:
    """Return the verdict of a proxy study."""
    return with_what_is_missing(_verdict(found), found.meta, found.runs)


def _verdict(found: Agreement) -> list[str]:
    if found.measures.empty:
        return ["No verdict: no run has finished yet."]
    said = [_above_counting(found, bench, i == 0) for i, bench in enumerate(found.benchmarks)]
    said += [_among_the_best(found), _missing(found), constant_words(found.measures)]
    return [sentence for sentence in said if sentence]


def _above_counting(found: Agreement, bench: str, first: bool) -> str:
    rho = found.means("spearman")[bench].dropna().sort_values(ascending=False)
    lead, low, high = (found.means(m)[bench][rho.index] for m in ("lead", "lead_low", "lead_high"))
    counts = [label for label in found.counts if label in rho.index]
    if not counts:
        return f"On {bench} nothing can be said yet: params and flops have not been ranked."
    better, best = str(rho[counts].idxmax()), str(rho.index[0])
    above = [k for k in rho.index if low[k] > 0 and k not in counts]
    below = [k for k in rho.index if high[k] < 0 and k not in counts]
    even = len(rho) - len(above) - len(below) - len(counts)
    tested = " (95 % bootstrap intervals over architectures, not corrected for their number)"
    words = ", ".join(f"{k} by {lead[k]:+.2f}" for k in above) or "none"
    over = f"On {bench}, over {found.architectures(bench):,} architectures"
    reaches = f"counting {better} reaches a Spearman correlation of {rho[better]:.3f}"
    highest = "and nothing is higher" if best in counts else f"{best}, the highest, {rho[best]:.3f}"
    return (
        f"{over}, {reaches}, {highest}. Really above counting{tested if first else ''}: {words};"
        f" really below: {and_list(below) or 'none'}; {even} cannot be told from it."
    )


def _among_the_best(found: Agreement) -> str:
    """Say what is left of order where a search has to choose."""
    rho = found.means("spearman", TOP).dropna(axis="columns", how="all")
    part = f"the truly best {100 * found.study.top:.0f} %"
    if rho.empty:
        return f"Nothing is said of {part}: they are fewer than {FEW} architectures."
    words = [f"{rho[b].idxmax()} {rho[b].max():.2f} on {b} ({found.best(str(b))})" for b in rho]
    mean = rho.mean(axis=1).drop(found.counts, errors="ignore")
    low = "" if mean.empty else f": {int((mean < _FLAT).sum())} of {len(mean)} proxies stay below"
    low = low and f"{low} {_FLAT:.1f} there, on average over benchmarks"
    return f"Within {part} the highest are {'; '.join(words)}{low}."


def _missing(found: Agreement) -> str:
    mine = found.measures[found.measures["metric"] == "missing"]
    mine = mine[mine["value"] > 0].drop_duplicates(["entry", "benchmark"])
    columns = (mine[c].tolist() for c in ("entry", "value", "benchmark"))
    words = [f"{entry} of {n:,.0f} on {bench}" for entry, n, bench in zip(*columns, strict=True)]
    if not words:
        return ""
    return (
        "Compared are the architectures of which every proxy has a score; there are none by"
        f" {and_list(words)}."
    )


class Row(NamedTuple):
    """A proxy on a benchmark: means over replicates, by metric; ``top_`` are of the best.

    ``within`` is half of the 95 % interval of its Spearman correlation.
    """

    label: str
    counts: bool
    within: float
    means: dict[str, float]


def table(found: Agreement, bench: str) -> list[Row]:
    """Return one row a proxy, the highest Spearman correlation first."""
    n = found.architectures(bench)
    metrics = ("spearman", "tau", "lead", "lead_low", "lead_high", "precision", SECONDS)
    columns = {m: found.means(m)[bench] for m in metrics}
    columns |= {f"top_{m}": found.means(m, TOP)[bench] for m in ("spearman", "tau")}
    order = columns["spearman"].dropna().sort_values(ascending=False).index
    return [
        Row(
            str(label),
            label in found.counts,
            half_width(float(columns["spearman"][label]), n),
            {metric: float(values[label]) for metric, values in columns.items()},
        )
        for label in order
    ]


def half_width(rho: float, n: int) -> float:
    """Return half of the 95 % interval of a Spearman correlation over n pairs.

    Fisher's z with the variance (1 + rho^2 / 2) / (n - 3) of Bonett and Wright, "Sample Size
    Requirements for Estimating Pearson, Kendall and Spearman Correlations", Psychometrika 65, 2000.
    """
    z = np.arctanh(np.clip(rho, -0.999999, 0.999999))
    step = 1.959964 * np.sqrt((1 + rho**2 / 2) / max(n - 3, 1))
    return float(np.tanh(z + step) - np.tanh(z - step)) / 2
