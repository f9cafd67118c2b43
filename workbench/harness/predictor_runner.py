"""One run of a predictor study: fit to more and more architectures, and measure each time."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from workbench import seeds
from workbench.data._base import Benchmark
from workbench.errors import Fault, WorkbenchError, at
from workbench.harness.opening import open_benchmark
from workbench.harness.predictor_study import PredictorEntry, PredictorStudy
from workbench.harness.result import Measure, RunResult, measured
from workbench.harness.sections import RunSpec
from workbench.harness.splits import Labelled, split
from workbench.predictors._pipeline import gives_std, pipeline, seeded
from workbench.statistics.ranking import calibration_measures, order_measures

TIMES = ("fit_seconds", "query_seconds")
"""Measures that differ from call to call: CPU seconds of a fit, and of one prediction."""

BOTH = "both"
"""The test set of what is measured once for all test sets."""

_RESOLUTION = {"%": 0.1, "fraction": 0.001}
_TRIED = 12
_PRICED = 1000


def execute(spec: RunSpec) -> RunResult:
    """Run one spec from its seeds alone; a fault of the predictor is recorded, not raised."""
    return measured(spec.number, _measures(spec))


def faults(study: PredictorStudy, benchmarks: Sequence[Benchmark]) -> Iterator[Fault]:
    """Yield the benchmarks that know no truth, or hold too little to learn from and to be asked."""
    for i, bench in enumerate(benchmarks):
        if bench.optimum is None:
            yield f"benchmarks[{i}]: {bench.name} knows no true scores to predict: name a table"
            continue
        try:
            split(study, bench, study.benchmarks[i].label, 0).at(study.largest)
        except WorkbenchError as error:
            yield at(f"benchmarks[{i}]", error)


def try_out(entry: PredictorEntry, bench: Benchmark) -> None:
    """Fit a predictor to a few labels of a space; what is wrong is raised."""
    rng, space = np.random.default_rng(0), bench.space
    few = space.sample(_TRIED, rng)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = seeded(pipeline(space, entry.predictor, entry.encoding), rng)
        model.fit(few, np.arange(_TRIED, dtype=np.float64)).predict(few)


def facts(bench: Benchmark) -> dict[str, float | None]:
    """Return the mean seconds that training one architecture takes, where they are known."""
    if not bench.has_cost:
        return {"mean_cost": None}
    some = bench.space.sample(_PRICED, np.random.default_rng(0))
    cost = bench.query_many(some, bench.epochs[-1], 0).cost
    return {"mean_cost": None if cost is None else float(np.nanmean(cost))}


def _measures(spec: RunSpec) -> Iterator[Measure]:
    study: PredictorStudy = spec.study
    entry, given = study.predictors[spec.entry], study.benchmarks[spec.benchmark]
    bench = open_benchmark(given)
    parts = split(study, bench, given.label, spec.replicate)
    resolution = _RESOLUTION.get(bench.metrics[bench.score].unit)
    for size in study.sizes_of(spec.entry):
        archs, labels, tests = parts.at(size)
        rng = seeds.generator(study.seed, given.label, entry.label, spec.replicate, size, "fit")
        model = seeded(pipeline(bench.space, entry.predictor, entry.encoding), rng)
        started = time.process_time()
        model.fit(archs, labels)
        yield Measure(size, BOTH, "fit_seconds", time.process_time() - started)
        spent = 0.0
        for name, test in tests.items():
            started = time.process_time()
            predicted, std = _predict(model, test)
            spent += time.process_time() - started
            found = order_measures(test.truth, predicted, study.top, resolution)
            if std is not None:
                found |= calibration_measures(test.truth, predicted, std)
            yield from (Measure(size, name, metric, value) for metric, value in found.items())
        asked = sum(len(test.archs) for test in tests.values())
        yield Measure(size, BOTH, "query_seconds", spent / asked)


def _predict(model: Any, test: Labelled) -> tuple[Any, Any]:
    if gives_std(model):
        mean, std = model.predict(test.archs, return_std=True)
        return np.asarray(mean, dtype=np.float64), np.asarray(std, dtype=np.float64)
    return np.asarray(model.predict(test.archs), dtype=np.float64), None
