"""A study made ready to run: benchmarks opened, every strategy tried on every space."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from workbench import registry, seeds
from workbench.data._base import Benchmark
from workbench.data._open import benchmark
from workbench.errors import ParameterError, StudyError, WorkbenchError
from workbench.harness.study import BenchmarkEntry, StrategyEntry, Study, strategy_arguments
from workbench.spaces import Space
from workbench.strategies import Strategy


class Plan(NamedTuple):
    """A study that can run, and what was found out on the way."""

    study: Study
    benchmarks: list[Benchmark]

    @property
    def fingerprint(self) -> dict[str, str | None]:
        """Return the hashes of what the numbers depend on beside the study: tables and plug-ins."""
        labels = [entry.label for entry in self.study.benchmarks]
        tables = {n: b.sha256 for n, b in zip(labels, self.benchmarks, strict=True)}
        files = self.study.plugin_files()
        return tables | {Path(path).name: registry.file_hash(path) for path in files}


def prepare(study: Study, source: str = "study") -> Plan:
    """Open the benchmarks and try every strategy on every space.

    Raises
    ------
    StudyError
        Everything that does not fit together, each with its place.
    DataMissing
        A package or file that holds a benchmark is not there.
    """
    benchmarks, errors = [], []
    for i, entry in enumerate(study.benchmarks):
        try:
            benchmarks.append(open_benchmark(entry))
        except WorkbenchError as error:
            error.args = (f"{source}: benchmarks[{i}]: {error}",)
            errors.append(error)
    if errors:
        # The kind of error decides the exit code, so it stays what it is.
        errors[0].args = ("\n".join(map(str, errors)),)
        raise errors[0]
    faults = [*_budget_faults(study, benchmarks), *_strategy_faults(study, benchmarks)]
    if faults:
        raise StudyError("\n".join(f"{source}: {fault}" for fault in faults))
    return Plan(study, benchmarks)


def open_benchmark(entry: BenchmarkEntry) -> Benchmark:
    """Return the benchmark of an entry, a table that is known by name or one of the user's own."""
    return _open(entry.model_dump_json())


@lru_cache(maxsize=64)
def _open(entry_json: str) -> Benchmark:
    entry = BenchmarkEntry.model_validate_json(entry_json)
    if entry.table is None:
        return benchmark(entry.name, entry.score)
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


def make_strategy(entry: StrategyEntry, space: Space, *key: str | int) -> Strategy:
    """Return a strategy with the generator that belongs to a key of the seed tree."""
    cls: Any = registry.load("strategies", entry.name)
    made: Strategy = cls(space, seeds.generator(*key), **strategy_arguments(entry))
    return made


def _budget_faults(study: Study, benchmarks: list[Benchmark]) -> Iterator[str]:
    for i, (entry, bench) in enumerate(zip(study.benchmarks, benchmarks, strict=True)):
        if study.budget.seconds is not None and not bench.has_cost:
            yield (
                f"budget.seconds: benchmarks[{i}] ({entry.name}) knows no training cost;"
                " give a budget in queries"
            )
        for name in study.expose:
            metric = bench.metrics.get(name)
            if metric is None:
                yield f"expose: {entry.name} has no metric {name!r}; it has {_list(bench.metrics)}"
            elif metric.split == "test":
                yield f"expose: {name!r} is of the test split, which no strategy may see"


def _strategy_faults(study: Study, benchmarks: list[Benchmark]) -> Iterator[str]:
    spaces = {b.space.name: b.space for b in benchmarks}
    for i, entry in enumerate(study.strategies):
        for space in spaces.values():
            try:
                make_strategy(entry, space, "try").try_out()
            except (WorkbenchError, TypeError) as error:
                named = re.search(r"'(\w+)' parameter", str(error))
                place = f"strategies[{i}]{'.' + named[1] if named else ''}"
                on = "" if isinstance(error, ParameterError) else f" (on space {space.name})"
                yield f"{place}: {error}{on}"
                break


def _list(names: Any) -> str:
    return ", ".join(map(repr, names))
