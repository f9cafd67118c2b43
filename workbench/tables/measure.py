"""Measure a table, or go on with it, in parts that are each written once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from filelock import FileLock, Timeout

from workbench.data._parts import Log, parts, write_part
from workbench.data._plan import TablePlan, load_plan
from workbench.errors import StoreError
from workbench.harness.provenance import provenance
from workbench.processes import each
from workbench.tables.train import row_of, try_out

Progress = Callable[[int, int, int], None]


class Outcome(NamedTuple):
    """``measured`` architectures of ``of`` are in the table, ``new`` of them by this call."""

    folder: Path
    measured: int
    of: int
    new: int


def measure(
    folder: Path, count: int | None = None, workers: int = 1, progress: Progress | None = None
) -> Outcome:
    """Train the architectures that a table lacks, up to a number of them.

    Parameters
    ----------
    folder : Path
        Holds ``table.toml``, which says what is measured, and the parts so far.
    count : int, optional
        Architectures that the table shall hold; all if not given.
    workers : int
        Processes of one thread each. The numbers do not depend on it.
    progress : callable, optional
        Called after every architecture with (finished, all, failed).

    Raises
    ------
    StudyError, DataMissing, ParameterError
        Before anything is trained.
    StoreError
        Another process measures there.
    """
    plan = load_plan(folder)
    wanted = min(count or len(plan.archs), len(plan.archs))
    data = try_out(plan)
    with _alone(folder):
        log = Log(folder)
        written = len(parts(folder)) * plan.part
        missing = [n for n in range(written, wanted) if n not in log.rows]
        made = log.note(origin() | {"data": data})
        done = wanted - len(missing)
        tell(progress, done, wanted)
        for row in each(row_of(plan, made), missing, min(workers, max(1, len(missing)))):
            log.add(row)
            done += 1
            tell(progress, done, wanted)
            _write_whole_parts(folder, plan, log)
        _write_whole_parts(folder, plan, log)
    return Outcome(folder, done, len(plan.archs), len(missing))


def _write_whole_parts(folder: Path, plan: TablePlan, log: Log) -> None:
    index = len(parts(folder))
    numbers = range(index * plan.part, min((index + 1) * plan.part, len(plan.archs)))
    if len(numbers) and all(number in log.rows for number in numbers):
        write_part(folder, index, [log.rows[number] for number in numbers], log.made)
        log.keep(row for row in log.rows.values() if row.number not in numbers)


def origin() -> dict[str, Any]:
    """Return on what versions and machine this process measures."""
    from workbench.training.machine import cpu_type

    known = provenance()
    kept = ("workbench", "git", "python", "os", "cpu", "packages")
    return {key: known[key] for key in kept} | {"cpu_type": cpu_type()}


def tell(progress: Progress | None, done: int, of: int) -> None:
    """Report progress, if somebody listens."""
    if progress is not None:
        progress(done, of, 0)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    lock = FileLock(folder / "measure.lock")
    try:
        lock.acquire(timeout=0.5)
    except Timeout:
        raise StoreError(
            f"{folder} is being measured by another process; wait for it or stop it"
        ) from None
    try:
        yield
    finally:
        lock.release()
