"""Benchmarks by name: ``benchmark("nb201/cifar10")``."""

from __future__ import annotations

import inspect
from typing import Any

from workbench import registry
from workbench.data._base import Benchmark
from workbench.data._packaged import opened
from workbench.errors import ParameterError, UnknownName


def benchmark(name: str, score: str | None = None, **options: Any) -> Benchmark:
    """Return the benchmark ``family/dataset``, opened once a process.

    Parameters
    ----------
    name : str
        Such as ``nb201/cifar10``. The family may be the path of a plug-in file:
        ``./mine.py/dataset``. Live training is named ``live/space/dataset``.
    score : str, optional
        The metric to search on, instead of the family's own.
    options
        What the family takes besides: ``network``, ``training``, ``data`` and ``device`` of live
        training.

    Raises
    ------
    UnknownName
        No such family, data set or metric.
    DataMissing, MissingExtra
        What holds the numbers is not installed.
    ParameterError
        The family takes no such option, or not with this value.
    """
    family, slash, dataset = name.partition("/")
    if ".py/" in name or family not in registry.names("benchmarks"):
        family, slash, dataset = name.rpartition("/")
    if not slash:
        raise UnknownName(
            "benchmark", name, benchmark_names(), "\na benchmark is named family/dataset"
        )
    cls: Any = registry.load("benchmarks", family)
    known = inspect.signature(cls).parameters
    if unknown := sorted(set(options) - set(known)):
        raise ParameterError(f"the benchmark {name} takes no {', '.join(unknown)}; live/... does")
    made: Benchmark = cls(dataset, score, **options) if options else opened(cls, dataset, score)
    return made


def benchmark_names() -> list[str]:
    """Return the full names of all benchmarks, installed or not, in the families' own order."""
    return [
        f"{family}/{dataset}"
        for family in registry.names("benchmarks")
        for dataset in registry.load("benchmarks", family).DATASETS
    ]
