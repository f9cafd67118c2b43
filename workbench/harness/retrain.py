"""The trainings in the log of a search, and the same done again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from workbench.data._base import Benchmark
from workbench.executors import each
from workbench.harness.live_run import PART, came
from workbench.types import Arch


class Training(NamedTuple):
    """What was trained, up to which epoch in all, and what came of it, by name.

    A training that goes on counts from its first epoch.
    """

    trial: int
    arch: Arch
    epochs: int
    replicate: int
    outcome: Mapping[str, Any]


def trainings_of(log: Iterable[Mapping[str, Any]]) -> Iterator[Training]:
    """Yield the trainings that ended, in the order of tells; those that failed are left out."""
    asked: dict[int, tuple[Arch, int]] = {}
    for entry in log:
        if "arch" in entry:
            asked[entry["ask"]] = tuple(entry["arch"]), entry["replicate"]
        elif "came" in entry and entry["status"] != PART and not entry["fault"]:
            arch, replicate = asked[entry["came"]]
            yield Training(entry["came"], arch, entry["epochs"], replicate, outcome(entry))


def outcome(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a training repeats: scores, each epoch's, and metrics, but for seconds."""
    curve = {f"epoch {i + 1}": score for i, score in enumerate(entry["curve"])}
    metrics = {name: value for name, value in entry["metrics"].items() if name != "seconds"}
    return {"score": entry["score"], **metrics, **curve}


def trained_again(
    bench: Benchmark, trainings: Sequence[Training], workers: int
) -> Iterator[tuple[Training, dict[str, Any]]]:
    """Train again, in processes of their own, and yield each with what came of it now."""
    train = partial(_train, bench)
    yield from each(train, trainings, min(workers, len(trainings)), apart=True)


def _train(bench: Benchmark, one: Training) -> tuple[Training, dict[str, Any]]:
    found = bench.query(one.arch, one.epochs, one.replicate)
    return one, outcome(json.loads(json.dumps(came(found))))
