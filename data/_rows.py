"""Reading the rows of a user's table, and naming those that are wrong."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.errors import ArchitectureError, DataMissing, TableError, did_you_mean
from workbench.spaces import Space
from workbench.types import Arch, Archs, Decision, Floats, Ints

if TYPE_CHECKING:
    import pandas as pd

_SHOWN = 10


def read(frame_or_path: pd.DataFrame | str | Path) -> tuple[pd.DataFrame, str | None, str]:
    """Return the table, the sha256 of its file (None for a frame) and a name for it.

    Raises
    ------
    DataMissing
        The file is not there.
    TableError
        It is not a table.
    """
    import pandas as pd

    if isinstance(frame_or_path, pd.DataFrame):
        frame = frame_or_path.rename(columns=str)
        _refuse_repeated(list(frame.columns), "table")
        return frame, None, "table"
    path = Path(frame_or_path)
    try:
        digest = sha256(path.read_bytes()).hexdigest()
        if path.suffix == ".csv":
            # pandas renames what is repeated in a header, but not in a row.
            first = pd.read_csv(path, header=None, nrows=1, dtype=str, keep_default_na=False)
            _refuse_repeated([name.strip() for name in first.iloc[0] if name.strip()], str(path))
            # As text, so that 0012 stays what it is.
            frame = pd.read_csv(path, dtype=str, keep_default_na=False, index_col=False)
        elif path.suffix == ".parquet":
            frame = pd.read_parquet(path)
        else:
            raise TableError(f"{path}: a table is a .csv or a .parquet file")
    except FileNotFoundError:
        raise DataMissing(f"there is no table {path}") from None
    except (OSError, ValueError) as error:
        raise TableError(f"{path} cannot be read as a table: {error}") from error
    frame = frame.rename(columns=lambda name: str(name).strip())
    _refuse_repeated(list(frame.columns), str(path))
    return frame, digest, path.stem


def _refuse_repeated(header: Sequence[str], table: str) -> None:
    if repeated := sorted({name for name in header if header.count(name) > 1}):
        raise TableError(f"{table}: more than one column {', '.join(map(repr, repeated))}")


def numbers(frame: pd.DataFrame, columns: Sequence[str], faults: list[str]) -> dict[str, Floats]:
    """Return columns as numbers; what is not a finite number is a fault."""
    import pandas as pd

    found = {}
    for column in dict.fromkeys(columns):
        values = pd.to_numeric(frame[column], errors="coerce").to_numpy(np.float64, na_value=np.nan)
        bad = np.flatnonzero(~np.isfinite(values))
        if len(bad):
            first = _shown(frame[column].iloc[bad[0]])
            faults.append(f"column {column!r}: no finite number in {_rows(bad)} ({first})")
        found[column] = values
    return found


def negative(columns: Mapping[str, Floats], names: Sequence[str], faults: list[str]) -> None:
    """Add the rows in which a cost is negative to the faults."""
    for name in names:
        if len(bad := np.flatnonzero(columns[name] < 0)):
            first = float(columns[name][bad[0]])
            faults.append(f"column {name!r}: negative cost in {_rows(bad)} ({first})")


def decreasing(
    columns: Mapping[str, Floats], pairs: Sequence[tuple[str, str]], faults: list[str]
) -> None:
    """Add the rows in which the cost up to an epoch is below that of one before to the faults."""
    for before, after in pairs:
        if len(bad := np.flatnonzero(columns[after] < columns[before])):
            faults.append(f"column {after!r}: less cost than in {before!r} in {_rows(bad)}")


def architectures(
    frame: pd.DataFrame, space: Space, column: str | None, faults: list[str]
) -> tuple[Archs, Ints]:
    """Return the architectures of the good rows, ``(m, d)``, and which rows those are, ``(m,)``.

    Unknown architectures and repeated ones are faults.
    """
    texts = _texts(frame, space, column, faults)
    found: dict[Arch, int] = {}
    unknown: list[int] = []
    repeats: dict[Arch, list[int]] = {}
    for row, text in enumerate(texts):
        arch = _parsed(space, text)
        if arch is None:
            unknown.append(row)
        elif arch in found:
            repeats.setdefault(arch, [found[arch]]).append(row)
        else:
            found[arch] = row
    if unknown:
        shown = "; ".join(f"row {row + 1}: {_shown(texts[row])}" for row in unknown[:_SHOWN])
        faults.append(f"{len(unknown)} without an architecture of {space.name}: {shown}")
    faults += [
        f"{_rows(rows)} hold the same architecture, {space.format(arch)}"
        for arch, rows in list(repeats.items())[:_SHOWN]
    ]
    if not found and not faults:
        faults.append("the table has no rows")
    archs = np.array(list(found), dtype=np.int16).reshape(len(found), space.dimension)
    return archs, np.array(list(found.values()), dtype=np.int64)


def _texts(frame: pd.DataFrame, space: Space, column: str | None, faults: list[str]) -> list[Any]:
    """Return a string a row, or a tuple of values where there is a column a decision."""
    header = list(frame.columns)
    decisions = [decision.name for decision in space.decisions]
    if column is None and "architecture" in header:
        column = "architecture"
    if column is not None:
        if column in header:
            return frame[column].tolist()
        faults.append(f"no column {column!r}{did_you_mean(column, header)}")
        return []
    absent = [name for name in decisions if name not in header]
    if absent:
        faults.append(
            "no column 'architecture' of official strings, and of the columns that name decisions"
            f" these are absent: {', '.join(absent)}"
        )
        return []
    return list(zip(*(frame[name].tolist() for name in decisions), strict=True))


def _parsed(space: Space, text: object) -> Arch | None:
    if isinstance(text, tuple):
        places = tuple(map(_place, space.decisions, text))
        arch = tuple(place for place in places if place is not None)
        complete = len(arch) == len(places)
        return arch if complete and space.valid(np.array([arch], dtype=np.int16))[0] else None
    try:
        return space.parse(str(text))
    except ArchitectureError:
        return None


def _place(decision: Decision, value: object) -> int | None:
    """Return which of a decision's values is meant: the same text, or the same number."""
    texts = [str(known) for known in decision.values]  # noqa: PD011 - not a data frame
    if str(value).strip() in texts:
        return texts.index(str(value).strip())
    try:
        number = float(str(value))
    except ValueError:
        return None
    for i, known in enumerate(decision.values):
        if not isinstance(known, str) and math.isclose(number, known, rel_tol=1e-9):
            return i
    return None


def _rows(rows: Sequence[int] | Ints) -> str:
    shown = ", ".join(str(int(row) + 1) for row in rows[:_SHOWN])
    more = f" and {len(rows) - _SHOWN} more" if len(rows) > _SHOWN else ""
    return f"{'row' if len(rows) == 1 else 'rows'} {shown}{more}"


def _shown(text: object) -> str:
    """Return a cell, or a row of them, as a message names it."""
    if isinstance(text, tuple):
        return ",".join(map(str, text))
    return (repr(text) if text.strip() else "empty") if isinstance(text, str) else str(text)
