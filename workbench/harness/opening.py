"""Benchmarks of a study, opened once a process."""

from __future__ import annotations

from functools import lru_cache

from workbench.data._base import Benchmark
from workbench.data._open import benchmark
from workbench.harness.sections import BenchmarkEntry, SearchedBenchmark


def open_benchmark(entry: BenchmarkEntry) -> Benchmark:
    """Return the benchmark of an entry, a table that is known by name or one of the user's own."""
    epochs = entry.epochs if isinstance(entry, SearchedBenchmark) else None
    return _open(entry.model_dump_json(include=set(BenchmarkEntry.model_fields)), epochs)


@lru_cache(maxsize=64)
def _open(entry_json: str, epochs: int | None) -> Benchmark:
    if epochs is not None:
        return _open(entry_json, None).up_to(epochs)
    entry = BenchmarkEntry.model_validate_json(entry_json)
    if entry.table is None:
        return benchmark(entry.name, entry.score, **entry.options)
    from workbench.data._own_table import from_table

    assert entry.space is not None
    assert entry.columns is not None
    return from_table(
        entry.table,
        entry.space,
        entry.columns,
        direction=entry.direction,
        test=entry.test,
        cost=entry.cost,
        metrics=entry.metrics,
        architecture=entry.architecture,
        allow_missing=entry.allow_missing,
        name=entry.name,
    )
