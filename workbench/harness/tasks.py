"""Tasks: what a strategy asks for that is no trial, and what it costs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from workbench import registry
from workbench.data._base import Benchmark
from workbench.errors import ParameterError, PluginError
from workbench.types import Floats, Task


def perform(task: Task, bench: Benchmark) -> tuple[Any, float]:
    """Return what a task came to, and its seconds.

    Raises
    ------
    PluginError
        There is no task of its name.
    ParameterError
        The benchmark does not know what it needs.
    """
    if task.name not in TASKS:
        raise PluginError(f"there is no task {task.name!r}; tasks are {', '.join(TASKS)}")
    return TASKS[task.name](task.payload, bench)


def proxies(payload: tuple[list[Any], Mapping[str, Any]], bench: Benchmark) -> tuple[Floats, float]:
    """Return zero-cost scores ``(n, p)``, higher is better, of ``(architectures, settings)``.

    Stored scores cost the seconds that computing them took. Where none are stored, or the settings
    name a data set, networks are built and scored here; what was scored before comes from the
    cache, with its seconds of then.
    """
    archs, settings = np.array(payload[0], dtype=np.int16), dict(payload[1])
    names = list(settings.pop("names"))
    found = None if settings else bench.stored_proxies(archs, names)
    scores, seconds = found if found is not None else _scored(bench, archs, names, settings)
    up = [registry.load("proxies", name).higher_is_better for name in names]
    return np.where(up, scores, -scores), float(np.nansum(seconds))


def _scored(
    bench: Benchmark, archs: Any, names: list[str], settings: dict[str, Any]
) -> tuple[Floats, Floats]:
    from workbench.proxies import measure

    known = bench.networks
    dataset = settings.pop("dataset", None) or (known and known.dataset)
    if not dataset:
        raise ParameterError(
            f"The 'proxies' parameter must name a data set for {bench.name}, which stores no"
            " zero-cost scores and does not say on what its networks are scored: proxies ="
            ' { names = [...], dataset = { name = "noise", shape = [3, 32, 32], classes = 10 } },'
            " or leave 'proxies' out of stages. Got no data set instead."
        )
    network = settings.pop("network", None) or (known.settings if known else {})
    return measure(bench.space, archs, dataset, names, network=network, **settings)


TASKS: dict[str, Callable[[Any, Benchmark], tuple[Any, float]]] = {"proxies": proxies}
