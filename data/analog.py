"""AnalogNAS-Bench: NAS-Bench-201 cells on analog in-memory hardware; no licence stated."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from workbench.data._packaged import PackagedBenchmark
from workbench.data._table import Table
from workbench.data._unpickle import Admitted, Record
from workbench.spaces import Space
from workbench.types import Archs, Floats, Metric

EXTRA = "analog"

_EDGES = (0, 1, 3, 2, 4, 5)
"""Where the official string's edges 01 02 12 03 13 23 stand in 01 02 03 12 13 23."""

_OPERATIONS = (1, 0, 3, 2, 4)
"""Indices into the operations of the space: skip, none, 3x3, 1x1, pooling."""

_PLAIN = {
    "baseline_accuracy": "digital, full precision",
    "ptq_accuracy": "quantised after training",
    "qat_accuracy": "quantised in training",
    "noisy_accuracy": "digital training, on simulated analog hardware",
    "analog_accuracy": "hardware-aware training, on simulated analog hardware",
}
_SECONDS = {60: "a minute", 3600: "an hour", 86400: "a day", 2592000: "30 days"}
_DRIFT = {
    f"{training}_drift_{seconds}": f"{words} training, {after} after programming"
    for training, words in (("baseline", "digital"), ("analog", "hardware-aware"))
    for seconds, after in _SECONDS.items()
}


def _metrics() -> tuple[Metric, ...]:
    accuracies = [Metric(n, "%", "max", "validation", s) for n, s in (_PLAIN | _DRIFT).items()]
    spreads = [
        Metric(f"{name}_uncertainty", "%", "min", "validation", f"stated uncertainty: {summary}")
        for name, summary in _DRIFT.items()
    ]
    return (*accuracies, *spreads)


def to_nb201(keys: Archs) -> Archs:
    """Return architectures of the space nb201 for the package's keys, both ``(n, 6)``."""
    return np.array(_OPERATIONS, dtype=np.int16)[keys[:, _EDGES]]


class Analog(PackagedBenchmark):
    """15,625 cells, 13 accuracies each; any of them is the score on request.

    Which images the accuracies are of is not stated. They are the only numbers to search on, hence
    declared as validation; there is no test column and no cost.

    "AnalogNAS-Bench: A NAS Benchmark for Analog In-Memory Computing", 2025, arXiv:2506.18495.
    """

    DATASETS = ("cifar10",)
    FAMILY = "analog"
    SPACE = "nb201"
    DISTRIBUTION = "analog-nasbench"
    MODULE = "analognasbench"
    FILE = "data.anb"
    EXTRA: ClassVar[str | None] = EXTRA
    ADMITTED: ClassVar[Admitted] = {
        "analognasbench.data.Architecture": Record,
        "analognasbench.data.DriftMeasurement": Record,
    }
    METRICS: ClassVar[tuple[Metric, ...]] = _metrics()
    EPOCHS = (1,)
    SCORE = "analog_accuracy"

    @classmethod
    def convert(cls, raw: Any, whole: Space) -> Table:
        """Return the arrays, in the order of the space."""
        archs = whole.check(to_nb201(np.array(list(raw), dtype=np.int16)))
        values = _numbers(raw.values())[np.argsort(whole.index(archs))]
        if not np.array_equal(np.sort(whole.index(archs)), np.arange(whole.cardinality)):
            raise ValueError("its keys are not the whole space")
        rows = np.arange(len(values), dtype=np.int32)
        return Table(values[:, None, None, :], np.ones(len(values), dtype=np.int64), rows)


def _numbers(records: Any) -> Floats:
    numbers = []
    for record in records:
        drifts = [record.state[name].state for name in _DRIFT]
        numbers.append(
            [record.state[name] for name in _PLAIN]
            + [drift["value"] for drift in drifts]
            + [drift["uncertainty"] for drift in drifts]
        )
    return np.array(numbers, dtype=np.float64)
