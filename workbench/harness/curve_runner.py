"""One run of a curve study: learn from whole trainings, and tell the ends of others."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from workbench import seeds
from workbench.data._base import Benchmark
from workbench.harness.curve_study import FEWEST, CurveStudy, ExtrapolatorEntry
from workbench.harness.extrapolating import (
    curve_faults,
    curves_of,
    loss_faults,
    made,
    rows_of,
    try_extrapolator,
)
from workbench.harness.opening import open_benchmark
from workbench.harness.result import Measure, RunResult, measured
from workbench.harness.sections import RunSpec
from workbench.harness.splits import known_entries
from workbench.predictors.curves._stopping import stop_early
from workbench.statistics.ranking import calibration_measures, order_measures
from workbench.types import Archs, Floats, Ints

CURVES, STOPPING, TIMES = "curves", "stopping", "times"
"""The sets of measures: of predictions, of a search that stops early, and CPU seconds."""

SECONDS = ("fit_seconds", "query_seconds")
"""Measures that differ from call to call."""


def execute(spec: RunSpec) -> RunResult:
    """Run one spec from its seeds alone; a fault of the extrapolator is recorded, not raised."""
    return measured(spec.number, _measures(spec))


def faults(study: CurveStudy, benchmarks: Sequence[Benchmark]) -> Iterator[str]:
    """Yield the benchmarks that store no curves, too few of them, or not what is to be read."""
    for i, bench in enumerate(benchmarks):
        place = f"benchmarks[{i}]"
        if bench.optimum is None:
            yield f"{place}: {bench.name} knows no true scores to predict: name a table"
            continue
        if none := list(curve_faults(bench)):
            yield f"{place}: {none[0]}"
            continue
        stored = bench.epochs[:-1]
        for epoch in study.epochs or ():
            if epoch not in stored:
                yield f"epochs: {epoch} is none of those before the end of {bench.name}: {stored}"
        held = len(known_entries(bench, np.random.default_rng(0)).archs)
        if held < study.train + study.test:
            yield (
                f"{place}: {bench.name} holds {held} curves; train = {study.train} and test ="
                f" {study.test} need more: choose test up to {max(held - study.train, FEWEST)}"
            )
        for j, entry in enumerate(study.extrapolators):
            yield from (f"extrapolators[{j}]: {f}" for f in loss_faults(entry.name, bench))


def try_out(entry: ExtrapolatorEntry, bench: Benchmark) -> None:
    """Fit an extrapolator to a few made-up curves; what is wrong is raised."""
    try_extrapolator(entry.name, entry.parameters, bench)


def facts(bench: Benchmark) -> dict[str, Any]:
    """Return the epochs that a benchmark stores."""
    return {"epochs": list(bench.epochs)}


class Shown(NamedTuple):
    """Trainings, one an architecture: ``archs`` ``(n, d)``, their mean ends, their training seeds.

    ``truth`` and ``replicates`` are ``(n,)``, ``scores`` ``(n, t)``.
    """

    archs: Archs
    truth: Floats
    replicates: Ints
    scores: Floats


def trainings(study: CurveStudy, bench: Benchmark, label: str, replicate: int) -> Shown:
    """Return the trainings of a replicate, those to learn from first; drawn by the study's seed.

    Each is one of the stored trainings of its architecture.
    """
    rng = seeds.generator(study.seed, label, replicate, "curves")
    pool = known_entries(bench, rng)
    chosen = pool.take(rng.permutation(len(pool.archs))[: study.train + study.test])
    stored = bench.replicates(chosen.archs)
    drawn = rng.integers(1 << 31, size=len(chosen.archs))
    drawn = drawn if stored is None else drawn % stored
    found = [bench.query_many(chosen.archs, epoch, drawn).score for epoch in bench.epochs]
    return Shown(chosen.archs, chosen.truth, drawn, np.stack(found, axis=1))


def _measures(spec: RunSpec) -> Iterator[Measure]:
    study: CurveStudy = spec.study
    entry, given = study.extrapolators[spec.entry], study.benchmarks[spec.benchmark]
    bench = open_benchmark(given)
    shown = trainings(study, bench, given.label, spec.replicate)
    rng = seeds.generator(study.seed, given.label, entry.label, spec.replicate, "fit")
    model = made(entry.name, entry.parameters, bench, rng)
    curves = curves_of(entry.name, bench, shown.archs, shown.replicates)
    known, asked = slice(None, study.train), slice(study.train, None)
    labels = shown.truth if study.labels == "mean" else shown.scores[:, -1]
    started = time.process_time()
    model.fit(rows_of(model, shown.archs[known], curves[known]), labels[known])
    fitted = time.process_time() - started
    truth, final = shown.truth[asked], shown.scores[asked, -1]
    cuts = np.array([bench.epochs.index(e) + 1 for e in study.epochs_of(bench.epochs)])
    means, stds = np.empty((2, len(truth), len(cuts)))
    for place, cut in enumerate(cuts.tolist()):
        seen = np.where(np.arange(curves.shape[1]) < cut, curves[asked], np.nan)
        rows = rows_of(model, shown.archs[asked], seen)
        started = time.process_time()
        means[:, place], stds[:, place] = model.predict(rows, return_std=True)
        query = (time.process_time() - started) / len(rows)
        epoch = bench.epochs[cut - 1]
        found = order_measures(truth, means[:, place], study.top, None)
        found |= calibration_measures(truth, means[:, place], stds[:, place])
        found["error"] = float(np.abs(means[:, place] - truth).mean())
        yield from (Measure(epoch, CURVES, metric, value) for metric, value in found.items())
        yield from (
            Measure(epoch, TIMES, *one) for one in zip(SECONDS, (fitted, query), strict=True)
        )
    yield from _stopping(study, bench, final, truth, cuts, means, stds)


def _stopping(
    study: CurveStudy, bench: Benchmark, final: Floats, truth: Floats, cuts: Ints, means: Floats,
    stds: Floats,
) -> Iterator[Measure]:  # fmt: skip
    """Yield what stopping the hopeless would have saved and lost, one training after the other."""
    whole = len(bench.epochs)
    went = stop_early(final, cuts, means, stds, whole, study.level)
    epochs = np.array(bench.epochs)
    found = {
        "saved": 1 - float(epochs[went.seen - 1].sum() / (len(final) * epochs[-1])),
        "stopped": float((went.seen < whole).mean()),
        "lost": float(truth[went.best_without] - truth[went.best]),
        "kept": float(went.best == went.best_without),
    }
    yield from (Measure(bench.epochs[-1], STOPPING, name, value) for name, value in found.items())
