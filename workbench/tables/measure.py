"""Measure a table, or go on with it, in parts that are each written once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path
from typing import Any, NamedTuple

from filelock import FileLock, Timeout

from workbench.data._parts import Log, Row, load_archive, origins, parts, write_part
from workbench.data._plan import FILE, TablePlan, load_plan
from workbench.errors import StoreError, StudyError
from workbench.executors import each
from workbench.harness.provenance import provenance
from workbench.tables.train import row_of, try_out
from workbench.types import Progress


class Outcome(NamedTuple):
    """``measured`` architectures of ``of`` are stored, ``new`` of them by this call."""

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
    StudyError, DataMissing, TableError
        Before anything is trained: a plan that cannot be followed, or is another than when parts
        were measured; a part that is damaged or missing.
    StoreError
        Another process measures there.
    """
    plan = load_plan(folder)
    wanted = min(count or len(plan.archs), len(plan.archs))
    data = try_out(plan)
    with _alone(folder):
        log = Log(folder)
        unchanged(plan, folder, log.made)
        whole = _whole_parts(folder, plan, log)
        missing = [n for n in range(whole * plan.part, wanted) if n not in log.rows]
        made = log.note(origin() | {"data": data, "plan": plan.determines()})
        done = whole * plan.part + sum(number >= whole * plan.part for number in log.rows)
        of = max(wanted, done)
        tell(progress, done, of)
        for row in each(row_of(plan, made), missing, min(workers, max(1, len(missing)))):
            log.add(row)
            done += 1
            tell(progress, done, of)
            whole = _write_whole_parts(folder, plan, log, whole)
        whole = _write_whole_parts(folder, plan, log, whole)
        if begun := _begun(plan, log, whole):
            write_part(folder, whole, begun, log.made)
    return Outcome(folder, done, len(plan.archs), len(missing))


def unchanged(plan: TablePlan, folder: Path, begun: Sequence[Mapping[str, Any]] = ()) -> None:
    """Refuse a plan that says something else than when the parts of a folder were measured.

    Raises
    ------
    StudyError
        It does; says what.
    """
    made = [one for part in parts(folder) for one in origins(part)]
    for then in [one["plan"] for one in (*made, *begun) if "plan" in one]:
        if changed := plan.changed_from(then):
            raise StudyError(
                f"{folder / FILE} is not what was measured there: {'; '.join(changed)}."
                " Put it back, or measure in another folder"
            )


def _whole_parts(folder: Path, plan: TablePlan, log: Log) -> int:
    """Return how many parts are whole; what is in one that is not goes back into the log."""
    found = parts(folder)
    if found and len(load_archive(found[-1])["number"]) < _size(plan, len(found) - 1):
        log.take(found[-1])
        return len(found) - 1
    return len(found)


def _size(plan: TablePlan, index: int) -> int:
    return min(plan.part, len(plan.archs) - index * plan.part)


def _write_whole_parts(folder: Path, plan: TablePlan, log: Log, index: int) -> int:
    """Write the parts that are complete, from ``index`` on; return the number of the next."""
    while (rows := _begun(plan, log, index)) and len(rows) == _size(plan, index):
        write_part(folder, index, rows, log.made)
        log.keep(row for row in log.rows.values() if row.number > rows[-1].number)
        index += 1
    return index


def _begun(plan: TablePlan, log: Log, index: int) -> list[Row]:
    """Return what there is of a part, without gaps from its beginning."""
    first = index * plan.part
    numbers = takewhile(log.rows.__contains__, range(first, first + _size(plan, index)))
    return [log.rows[number] for number in numbers]


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
