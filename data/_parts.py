"""The files of a measured table: parts of many architectures, and a log of the part begun.

A part, ``part-0003.npz``, holds architectures in the order in which they are measured, always the
same number of them but for the last. What is finished of the part that is being measured stands in
``begun.jsonl``, a line each, so that nothing measured is lost. Nothing here is a pickle.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from workbench.errors import TableError
from workbench.types import Archs, Floats

LOG = "begun.jsonl"
DIVERGED = -1
"""In place of a number of right answers, from the epoch in which a loss was not finite."""


class Row(NamedTuple):
    """What ``k`` seeds of one architecture came to in ``e`` epochs.

    ``number`` is the architecture's place in the order of measurement. ``valid_right`` ``(k, e)``
    and ``test_right`` ``(k,)`` count right answers; ``train_loss`` ``(k, e)`` is single precision;
    ``seconds`` ``(e,)`` are the process CPU seconds of each epoch of one seed, training
    and validation.
    ``made`` says on what versions and machine: a place in the part's list of provenances.
    """

    number: int
    made: int
    arch: list[int]
    valid_right: list[list[int]]
    train_loss: list[list[float]]
    test_right: list[int]
    seconds: list[float]


class Rows(NamedTuple):
    """The rows of all parts: arrays with a first axis of ``n`` architectures, see ``Row``.

    ``data`` holds the sha256 of the data set and the number of examples in each of its parts.
    """

    archs: Archs
    valid_right: NDArray[np.int16]
    train_loss: NDArray[np.float32]
    test_right: NDArray[np.int16]
    seconds: NDArray[np.float32]
    data: Mapping[str, Any]
    sha256: str


TYPES = {
    "number": np.int32,
    "made": np.int16,
    "arch": np.int8,
    "valid_right": np.int16,
    "train_loss": np.float32,
    "test_right": np.int16,
    "seconds": np.float32,
}


def parts(folder: Path) -> list[Path]:
    """Return the files of a table in their order.

    Raises
    ------
    TableError
        One between them is missing.
    """
    found = sorted(folder.glob("part-[0-9][0-9][0-9][0-9].npz"))
    for index, path in enumerate(found):
        if path.name != f"part-{index:04d}.npz":
            raise TableError(
                f"{folder / f'part-{index:04d}.npz'} is missing, and {path.name} is there: fetch or"
                " restore it"
            )
    return found


def read(folder: Path) -> Rows:
    """Return what the parts of a table hold.

    Raises
    ------
    TableError
        There are none, one is damaged, or they do not belong together.
    """
    found = parts(folder)
    if not found:
        raise TableError(f"{folder} holds no part of a table; `workbench measure` writes them")
    loaded = [load_archive(path) for path in found]
    columns = {}
    for name, kind in TYPES.items():
        try:
            columns[name] = np.concatenate([part[name] for part in loaded]).astype(kind)
        except (KeyError, ValueError) as error:
            raise TableError(f"the parts of {folder} do not belong together: {error}") from error
    if (columns["number"] != np.arange(len(columns["number"]))).any():
        raise TableError(f"a part of {folder} is missing: fetch the whole folder again")
    digest = sha256(b"".join(sha256(path.read_bytes()).digest() for path in found)).hexdigest()
    archs = columns["arch"].astype(np.int16)
    return Rows(
        archs,
        columns["valid_right"],
        columns["train_loss"],
        columns["test_right"],
        columns["seconds"],
        _made(loaded[0])[0]["data"],
        digest,
    )


def provenance(folder: Path, number: int) -> dict[str, Any]:
    """Return on what versions and machine the architecture of a number was measured."""
    for path in parts(folder):
        part = load_archive(path)
        found = np.flatnonzero(part["number"] == number)
        if len(found):
            return _made(part)[int(part["made"][found[0]])]
    raise TableError(f"{folder} holds no architecture of number {number}")


def origins(part: Path) -> list[dict[str, Any]]:
    """Return on what versions and machines the architectures of a part were measured."""
    return _made(load_archive(part))


def _made(archive: Mapping[str, NDArray[Any]]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(str(archive["provenance"]))
    return found


def write_part(folder: Path, index: int, rows: Sequence[Row], made: Sequence[Any]) -> Path:
    """Write a part at once or not at all, and return its path; ``made`` is its provenance."""
    ordered = sorted(rows)
    columns = {
        name: np.array([getattr(row, name) for row in ordered], dtype=kind)
        for name, kind in TYPES.items()
    }
    return write_archive(folder / f"part-{index:04d}.npz", made, columns)


def write_archive(path: Path, made: Any, columns: Mapping[str, NDArray[Any]]) -> Path:
    """Write arrays with their provenance, at once or not at all, and return the path."""
    temporary = path.parent / f".part-{uuid4().hex}.tmp"
    try:
        with temporary.open("xb") as file:
            np.savez_compressed(file, allow_pickle=False, provenance=json.dumps(made), **columns)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return path


def load_archive(path: Path) -> Mapping[str, NDArray[Any]]:
    """Return the arrays of a file, none of which can be a pickle.

    Raises
    ------
    TableError
        It is damaged.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except (OSError, ValueError, EOFError, BadZipFile, KeyError) as error:
        raise TableError(f"{path} is damaged ({error}): fetch it again") from error


class Log:
    """What is finished of the part that is being measured."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / LOG
        self.rows: dict[int, Row] = {}
        self.made: list[Any] = []
        if self._path.exists():
            self._read()

    def _read(self) -> None:
        """Read whole lines; the last may have been cut off by a kill."""
        for line in self._path.read_text(encoding="utf-8").splitlines():
            try:
                entry = json.loads(line)
            except json.JSONDecodeError:
                continue
            if "provenance" in entry:
                self.made.append(entry["provenance"])
            else:
                row = Row(**entry)
                self.rows[row.number] = row

    def take(self, part: Path) -> None:
        """Take in the rows of a part that is not whole, which is to be written again."""
        stored = load_archive(part)
        made = [self.note(one) for one in _made(stored)]
        columns = {name: stored[name].tolist() for name in TYPES}
        for values in zip(*columns.values(), strict=True):
            row = Row(**dict(zip(columns, values, strict=True)))
            if row.number not in self.rows:
                self.add(row._replace(made=made[row.made]))

    def note(self, made: Mapping[str, Any]) -> int:
        """Write down on what versions and machine rows are measured; return the number of it."""
        if made not in self.made:
            self.made.append(made)
            self._append({"provenance": made})
        return self.made.index(made)

    def add(self, row: Row) -> None:
        """Store one row; it is on disk when this returns."""
        self.rows[row.number] = row
        self._append(row._asdict())

    def keep(self, rows: Iterable[Row]) -> None:
        """Forget all but some rows: the others are in a part."""
        kept = list(rows)
        self.rows = {row.number: row for row in kept}
        temporary = self._path.with_suffix(".tmp")
        lines = [*({"provenance": m} for m in self.made), *(row._asdict() for row in kept)]
        temporary.write_text("".join(json.dumps(e) + "\n" for e in lines), encoding="utf-8")
        temporary.replace(self._path)

    def _append(self, entry: Mapping[str, Any]) -> None:
        with self._path.open("a+b") as file:
            if file.tell() and not _ends_a_line(file):
                file.write(b"\n")
            file.write(json.dumps(entry).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())


def _ends_a_line(file: Any) -> bool:
    file.seek(-1, os.SEEK_END)
    return bool(file.read(1) == b"\n")


def percent(right: Any, of: int) -> Floats:
    """Return right answers in percent; a training that had diverged counts as 0 %."""
    return np.asarray(np.where(right == DIVERGED, 0.0, 100.0 * right / of))
