"""From the folder of a curve study to frames, ``summary.json``, ``timing.json`` and sentences."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from workbench.harness.curve_runner import CURVES, STOPPING, TIMES
from workbench.harness.curve_study import CurveStudy
from workbench.harness.study import stored_study
from workbench.report.numbers import (
    StudyFolder,
    and_list,
    constant_words,
    nested,
    part_of,
    unit_of_differences,
    with_what_is_missing,
    write_numbers,
)
from workbench.report.quality_figures import HONEST
from workbench.report.results import timing_of
from workbench.statistics.comparison import LEVEL
from workbench.statistics.paired import against_the_best
from workbench.types import Floats

LAST_VALUE = "last_value"
"""What every extrapolator must beat."""

_FEW = 6
"""Fewer pairs cannot give a p value below .05 (2 / 2**5 = .0625)."""


class Extrapolation(StudyFolder):
    """The folder of a curve study."""

    @property
    def study(self) -> CurveStudy:
        """The study as it was run."""
        study = stored_study(self.meta["study"])
        assert isinstance(study, CurveStudy)
        return study

    @property
    def benchmarks(self) -> list[str]:
        """Labels in the order of the study, of those that have a finished run."""
        there = {*self.measures["benchmark"]}
        return [label for label in self.meta["benchmarks"] if label in there]

    @property
    def entries(self) -> list[str]:
        """Labels in the order of the study."""
        return [entry["label"] for entry in self.meta["study"]["extrapolators"]]

    def of(self, metric: str, bench: str, kind: str = CURVES) -> pd.DataFrame:
        """Return a metric of every run: a row an extrapolator and replicate, a column an epoch."""
        mine = self.measures
        mine = mine[(mine["metric"] == metric) & (mine["test_set"] == kind)]
        mine = mine[mine["benchmark"] == bench]
        return mine.pivot_table("value", ["entry", "replicate"], "size")

    def means(self, metric: str, bench: str, kind: str = CURVES) -> pd.DataFrame:
        """Return means over replicates: a row an extrapolator, a column an epoch."""
        found = self.of(metric, bench, kind).groupby(level="entry").mean()
        return found.reindex([label for label in self.entries if label in found.index])

    def epochs(self, bench: str) -> list[int]:
        """Return after which epochs was asked."""
        return [int(epoch) for epoch in self.of("tau", bench).columns]

    def reference(self, bench: str) -> int:
        """Return the epoch at which extrapolators are ranked: the nearest to a third of all."""
        last = self.meta["benchmarks"][bench]["epochs"][-1]
        return min(self.epochs(bench), key=lambda epoch: (abs(epoch - last / 3), epoch))

    def order(self, bench: str) -> list[str]:
        """Return labels by mean error at the reference epoch, the least first."""
        errors = self.means("error", bench)[self.reference(bench)]
        return [str(label) for label in errors.sort_values(kind="stable").index]


def read_extrapolation(folder: Path | str) -> Extrapolation:
    """Return what the folder of a curve study holds so far.

    Raises
    ------
    StoreError
        The folder holds no study.
    """
    return Extrapolation.read(folder)


def write_extrapolation(found: Extrapolation) -> list[Path]:
    """Write ``results.parquet``, ``summary.json`` and ``timing.json`` into the study folder."""
    return write_numbers(
        found.folder, found.measures, "extrapolator", summary(found), timing(found)
    )


def summary(found: Extrapolation) -> dict[str, Any]:
    """Return what ``summary.json`` holds: mean, sd and number of every measure but times."""
    study = found.study
    kept = found.measures[found.measures["test_set"] != TIMES]
    return {
        "study": study.name,
        "kind": study.kind,
        "seed": study.seed,
        "replicates": study.replicates,
        "train": study.train,
        "test": study.test,
        "labels": study.labels,
        "benchmarks": {b: nested(kept, b) for b in found.benchmarks},
    } | part_of(found.meta)


def timing(found: Extrapolation) -> dict[str, Any]:
    """Return what ``timing.json`` holds: seconds and hosts, which differ from call to call."""
    times = found.measures[found.measures["test_set"] == TIMES]
    measured = {b: nested(times, b) for b in found.benchmarks}
    return timing_of(found.runs, "entry", found.meta) | {"benchmarks": measured}


def sentences(found: Extrapolation) -> list[str]:
    """Return the verdict of a curve study."""
    return with_what_is_missing(_verdict(found), found.meta, found.runs)


def _verdict(found: Extrapolation) -> list[str]:
    if found.measures.empty:
        return ["No verdict: no run has finished yet."]
    said: list[str] = []
    for bench in found.benchmarks:
        said += [_best(found, bench), _order(found, bench), _honest(found, bench)]
        said.append(_stopping(found, bench))
    said.append(constant_words(found.measures))
    return [sentence for sentence in said if sentence]


def _best(found: Extrapolation, bench: str) -> str:
    """Say whose error is least, and from whom it cannot be told."""
    epoch = found.reference(bench)
    unit = unit_of_differences(found.meta["benchmarks"][bench]["metric"]["unit"])
    errors = found.means("error", bench)
    best = found.order(bench)[0]
    path = ", ".join(f"{errors[e][best]:.3g} after {e}" for e in found.epochs(bench))
    said = (
        f"On {bench}, {best} tells the ends of trainings best after {epoch} epochs of"
        f" {_last(found, bench)}: its mean error is {path} ({unit or 'in the unit of the score'})."
    )
    if LAST_VALUE in errors.index and best != LAST_VALUE:
        said += f" The last value is off by {errors[epoch][LAST_VALUE]:.3g} there."
    scores = {k: -v for k, v in _paired(found, bench, "error", epoch).items()}
    if len(scores) < 2 or len(next(iter(scores.values()))) < _FEW:
        return said
    even = [d.other for d in against_the_best(scores) if not d.real]
    same = f"It cannot be told from {and_list(even)}" if even else "All others are really behind"
    pairs = len(next(iter(scores.values())))
    return (
        f"{said} {same} (Wilcoxon signed-rank test over {pairs} replicates, which share their"
        f" curves, Holm-corrected, {100 * LEVEL:.0f} % level)."
    )


def _order(found: Extrapolation, bench: str) -> str:
    """Say who orders best early and late."""
    tau = found.means("tau", bench)
    words = [
        f"{tau[epoch].idxmax()} {tau[epoch].max():.3f} after {epoch}"
        for epoch in found.epochs(bench)
    ]
    return f"Highest Kendall's tau with the true ends: {', '.join(words)}."


def _honest(found: Extrapolation, bench: str) -> str:
    """Name whose intervals cover too little or too much, and who is no better than the last."""
    cover, nll = found.means("coverage", bench), found.means("nll", bench)
    low, high = HONEST
    off = [str(k) for k in cover.index[((cover < low) | (cover > high)).any(axis=1)]]
    said = (
        f"The 90 % intervals of {and_list(off)} leave {low:.2f} to {high:.2f} after some epoch."
        if off
        else f"The 90 % intervals of all cover between {low:.2f} and {high:.2f} after every epoch."
    )
    if LAST_VALUE not in nll.index:
        return said
    behind = nll.drop(LAST_VALUE) >= nll.loc[LAST_VALUE]
    return f"{said} {likelier(behind)}" if len(behind) else said


def likelier(behind: pd.DataFrame) -> str:
    """Say after which epochs all are more likely than the last value, and who is not when.

    ``behind`` says it is not, a row an extrapolator, a column an epoch.
    """
    than = "more likely than the last value with the spread around it"
    if not behind.to_numpy().any():
        return f"All others are {than} after every epoch."
    clear = [f"{epoch}" for epoch in behind.columns[~behind.any()]]
    epochs = "epoch" if clear == ["1"] else "epochs"
    late = {
        str(label): "every epoch" if row.all() else and_list([*map(str, row.index[row])])
        for label, row in behind.iterrows()
        if row.any()
    }
    are = "is" if len(late) == 1 else "are"
    words = and_list([f"{label} (after {some})" for label, some in late.items()])
    if not clear:
        return f"Not {than} {are} {words}."
    return f"All others are {than} after {and_list(clear)} {epochs}; not so {are} {words}."


def _stopping(found: Extrapolation, bench: str) -> str:
    """Say what early stopping saves and loses."""
    rows = stopping(found, bench)
    if not rows:
        return ""
    free = [row for row in rows if row.kept >= 1 - 1e-9] or [max(rows, key=lambda r: r.kept)]
    best = max(free, key=lambda row: row.saved)
    level = f"P(final > best so far) < {found.study.level:g}"
    return (
        f"Stopping a training when {level} saves the most without loss by {best.label}:"
        f" {100 * best.saved:.0f} % of the epochs of {found.study.test} trainings one after the"
        f" other, and in {100 * best.kept:.0f} % of the replicates the same is chosen in the end"
        f" (loss {best.lost:.3g})."
    )


class Stopping(NamedTuple):
    """What stopping by an extrapolator did: shares of epochs saved and trainings stopped.

    ``lost`` is by how much the truth of what is chosen falls; ``kept`` how often it is the same.
    """

    label: str
    saved: float
    stopped: float
    lost: float
    kept: float


def stopping(found: Extrapolation, bench: str) -> list[Stopping]:
    """Return means over replicates, the greatest saving first."""
    columns = {m: found.means(m, bench, STOPPING) for m in ("saved", "stopped", "lost", "kept")}
    if columns["saved"].empty:
        return []
    order = columns["saved"].iloc[:, 0].sort_values(ascending=False, kind="stable").index
    return [
        Stopping(str(label), *(float(c.loc[label].iloc[0]) for c in columns.values()))
        for label in order
    ]


class Row(NamedTuple):
    """An extrapolator: tau by epoch with its standard error; others at the reference epoch."""

    label: str
    taus: list[str]
    others: dict[str, float]


def table(found: Extrapolation, bench: str) -> list[Row]:
    """Return one row an extrapolator, the least error first."""
    epoch, tau = found.reference(bench), found.of("tau", bench)
    others = {m: found.means(m, bench)[epoch] for m in ("error", "coverage", "nll", "regret")}
    others |= {m: found.means(m, bench, TIMES)[epoch] for m in ("fit_seconds", "query_seconds")}
    return [
        Row(
            label,
            [_mean_and_error(tau.loc[label][e].to_numpy()) for e in found.epochs(bench)],
            {metric: float(values[label]) for metric, values in others.items()},
        )
        for label in found.order(bench)
    ]


def _mean_and_error(values: Floats) -> str:
    shown = [values.mean()]
    if len(values) > 1:
        shown.append(values.std(ddof=1) / len(values) ** 0.5)
    return " ± ".join(f"{value:.3f}".replace("0.", ".", 1) for value in shown)


def _paired(found: Extrapolation, bench: str, metric: str, epoch: int) -> dict[str, Floats]:
    """Return a metric by extrapolator over the replicates that all of them have."""
    runs = found.of(metric, bench)[epoch].reset_index()
    wide = runs.pivot_table(epoch, "replicate", "entry").dropna()
    return {label: wide[label].to_numpy() for label in found.entries if label in wide}


def _last(found: Extrapolation, bench: str) -> int:
    return int(found.meta["benchmarks"][bench]["epochs"][-1])
