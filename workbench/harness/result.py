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
