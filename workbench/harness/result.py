"""What a run leaves behind, whatever its kind: rows for the tables of the store, or an error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

Rows = Mapping[str, Sequence[tuple[Any, ...]]]


class RunResult(NamedTuple):
    """A finished run: rows by table, without the run's number, and what it took.

    Where there is an ``error`` the rows are what the run came to before it.
    """

    number: int
    rows: Rows
    error: str | None
    wall: float
    cpu: float


def describe_fault(fault: BaseException) -> str:
    """Return type, message and innermost place of an exception in one line."""
    trace = fault.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = ""
    if trace is not None:
        where = f" ({trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno})"
    return f"{type(fault).__name__}: {fault}{where}"
