"""From the folder of a predictor study to frames, ``summary.json`` and ``timing.json``."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from workbench.harness.predictor_runner import BOTH, TIMES
from workbench.harness.predictor_study import PredictorStudy
from workbench.harness.study import stored_study
from workbench.report.numbers import StudyFolder, nested, part_of, write_numbers
from workbench.report.results import timing_of
from workbench.types import Floats

REFERENCE = 100
"""The training size at which predictors are compared with each other, where a study has it."""

UNIFORM = "uniform"


BySize: TypeAlias = dict[str, dict[int, Floats]]


class Quality(StudyFolder):
    """The folder of a predictor study."""

    @property
    def study(self) -> PredictorStudy:
        """The study as it was run."""
        study = stored_study(self.meta["study"])
        assert isinstance(study, PredictorStudy)
        return study

    @property
    def benchmarks(self) -> list[str]:
        """Names in the order of the study."""
        return list(self.meta["benchmarks"])

    @property
    def predictors(self) -> list[str]:
        """Labels in the order of the study."""
        return [entry["label"] for entry in self.meta["study"]["predictors"]]

    @property
    def first_set(self) -> str:
        """The test set that rankings are of: the uniform one where there is one."""
        sets = self.study.test_sets
        return UNIFORM if UNIFORM in sets else sets[0]

    @property
    def reference(self) -> int:
        """The training size that most predictors have, the nearest to 100 of these."""
        study = self.study
        sizes = [n for i in range(len(study.predictors)) for n in study.sizes_of(i)]
        most = max(map(sizes.count, sizes))
        return min((n for n in {*sizes} if sizes.count(n) == most), key=_far_from_reference)

    def of(self, metric: str, bench: str, test_set: str | None = None) -> BySize:
        """Return a metric, ``[predictor][size]``, ``(replicates,)`` each; NaN: not run (yet)."""
        wanted = BOTH if metric in TIMES else test_set or self.first_set
        mine = self.measures
        mine = mine[(mine["metric"] == metric) & (mine["benchmark"] == bench)]
        mine = mine[mine["test_set"] == wanted]
        replicates = self.study.replicates_on(self.benchmarks.index(bench))
        found: BySize = {}
        columns = (mine[c].tolist() for c in ("entry", "size", "replicate", "value"))
        for entry, size, replicate, value in zip(*columns, strict=True):
            empty = np.full(replicates, np.nan)
            found.setdefault(entry, {}).setdefault(size, empty)[replicate] = value
        return {
            label: dict(sorted(found[label].items())) for label in self.predictors if label in found
        }

    def sizes(self, bench: str) -> list[int]:
        """Return the training sizes that were measured on a benchmark, rising."""
        return sorted({size for sizes in self.of("tau", bench).values() for size in sizes})

    def paired(self, bench: str, size: int) -> dict[str, Floats]:
        """Return tau by predictor over the replicates that all of them have, ``(r,)`` each."""
        found = {k: v[size] for k, v in self.of("tau", bench).items() if size in v}
        if not found:
            return {}
        shared = np.isfinite(np.stack(list(found.values()))).all(axis=0)
        return {label: values[shared] for label, values in found.items()}

    def means(self, metric: str, size: int, test_set: str | None = None) -> pd.DataFrame:
        """Return means over replicates, a row a predictor, a column a benchmark; NaN: not run."""
        found: dict[str, dict[str, float]] = {}
        for bench in self.benchmarks:
            mine = self.of(metric, bench, test_set)
            found[bench] = {k: float(np.nanmean(v[size])) for k, v in mine.items() if size in v}
        return pd.DataFrame(found, index=self.predictors, columns=self.benchmarks, dtype=np.float64)

    def complete(self, size: int) -> list[str]:
        """Return the benchmarks on which every predictor was measured at a size."""
        means = self.means("tau", size)
        return [b for b in self.benchmarks if means[b].notna().all()]


def read_quality(folder: Path | str) -> Quality:
    """Return what the folder of a predictor study holds so far.

    Raises
    ------
    StoreError
        The folder holds no study.
    """
    return Quality.read(folder)


def write_quality(quality: Quality) -> list[Path]:
    """Write ``results.parquet``, ``summary.json`` and ``timing.json`` into the study folder."""
    numbers = summary(quality), timing(quality)
    return write_numbers(quality.folder, quality.measures, "predictor", *numbers)


def summary(quality: Quality) -> dict[str, Any]:
    """Return what ``summary.json`` holds: mean, sd and number of every measure but times."""
    study = quality.study
    kept = quality.measures[~quality.measures["metric"].isin(TIMES)]
    return {
        "study": study.name,
        "kind": study.kind,
        "seed": study.seed,
        "replicates": study.replicates,
        "sizes": study.sizes,
        "test_sets": study.test_sets,
        "labels": study.labels,
        "benchmarks": {b: nested(kept, b) for b in quality.benchmarks},
    } | part_of(quality.meta)


def timing(quality: Quality) -> dict[str, Any]:
    """Return what ``timing.json`` holds: seconds and hosts, which differ from call to call."""
    times = quality.measures[quality.measures["metric"].isin(TIMES)]
    measured = {b: nested(times, b) for b in quality.benchmarks}
    return timing_of(quality.runs, "entry", quality.meta) | {"benchmarks": measured}


def _far_from_reference(size: int) -> tuple[float, int]:
    return abs(np.log(size / REFERENCE)), size
