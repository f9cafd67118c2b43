"""What a run leaves behind, whatever its kind: rows for the tables of the store, or an error."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from workbench.errors import describe_fault

Rows = Mapping[str, Sequence[tuple[Any, ...]]]


class RunResult(NamedTuple):
    """A finished run: rows by table, without the run's number, and what it took.

    Where there is an ``error`` the rows are what the run came to before it. ``host`` is the
    machine that did it, empty where that is the one that drives the study.
    """

    number: int
    rows: Rows
    error: str | None
    wall: float
    cpu: float
    host: str = ""


class Measure(NamedTuple):
    """One number of a run, as it is stored."""

    size: int
    test_set: str
    metric: str
    value: float


def measured(number: int, measures: Iterator[Measure]) -> RunResult:
    """Return a run of measures, up to a fault, which is recorded and not raised."""
    wall, cpu = time.perf_counter(), time.process_time()
    found: list[Measure] = []
    error = None
    try:
        found.extend(measures)
    except (Exception, SystemExit) as fault:  # a plug-in may be anybody's code
        error = describe_fault(fault)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return RunResult(number, {"measures": found}, error, wall, cpu)
