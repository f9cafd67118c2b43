"""What may be asked of live training, and what is said of the rest."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from workbench.errors import BenchmarkError, UnknownName
from workbench.spaces import Space
from workbench.types import Arch, Ints, Metric

METRICS = (
    Metric("val_acc", "%", "max", "validation", "validation accuracy after the epoch"),
    Metric("test_acc", "%", "max", "test", "test accuracy after the epoch"),
    Metric("train_loss", "", "min", "train", "mean loss of the epoch's batches"),
    Metric("params", "", "min", "none", "trained weights"),
    Metric("seconds", "s", "min", "none", "process CPU time of training and validation so far"),
)


def checked(space: Space, arch: Arch) -> Arch:
    """Return an architecture as plain integers, or raise ``ArchitectureError``."""
    try:
        rows = np.array([arch])
    except ValueError:
        rows = np.empty(0)
    found: list[int] = space.check(rows)[0].tolist()
    return tuple(found)


def selectable(name: str, metrics: Mapping[str, Metric], score: str) -> str:
    """Return a metric that a search may see; raise ``UnknownName`` or ``BenchmarkError``."""
    known = [name for name, metric in metrics.items() if metric.split != "test"]
    if score not in metrics:
        raise UnknownName("metric", score, known, f" (of {name})")
    if score not in known:
        raise BenchmarkError(
            f"{name}: {score!r} is of the test split, which no search may see; the report shows"
            " it. Search on a validation metric"
        )
    return score


def broadcast(name: str, what: str, values: Ints | int, n: int) -> Ints:
    """Return ``n`` integers, or raise ``BenchmarkError``."""
    given = np.asarray(values)
    if given.dtype.kind not in "iu" or given.shape not in {(), (1,), (n,)}:
        raise BenchmarkError(
            f"{name}: {what} must be one integer or {n}; got {given.dtype} of shape {given.shape}"
        )
    return np.broadcast_to(given, (n,)).astype(np.int64)
