"""Files of others, looked at before anything else opens them: none of them can make code run.

Nothing here unpickles: the one kind of file that holds a pickle, the weights of a network, is read
as a list of instructions, of which those are admitted that tensors are made of.
"""

from __future__ import annotations

import io
import json
import pickletools
import re
import sqlite3
import zipfile
import zlib
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from workbench.errors import ArchiveError
from workbench.harness.schema import fresh_schema
from workbench.harness.sections import Study

_TENSORS = re.compile(
    r"collections OrderedDict|torch\._utils _rebuild_(tensor_v2|parameter)|torch \w+Storage"
)
_UNWANTED = ("STACK_GLOBAL", "INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "EXT1", "EXT2", "EXT4", "PERSID")
_PARTS = re.compile(
    r"[\w-]+/(data\.pkl|data/\d+|version|byteorder|\.format_version|\.storage_alignment"
    r"|\.data/serialization_id)"
)
_MOST = 1 << 24
_HEAD = 1 << 16
_ZIP = b"PK\x03\x04"
_HEADS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
_HEADER = b"SQLite format 3\x00"
_JOURNAL = b"\x01\x01"
"""Two bytes after the page size: read and written without a log beside it."""


def check_database(path: Path) -> dict[str, Any]:
    """Return what a study file says of itself, once it is known to hold our tables and no more.

    Raises
    ------
    ArchiveError
        It is no SQLite file, is damaged, or has other tables, views, triggers or indices.
    """
    with path.open("rb") as file:
        head = file.read(20)
    if not head.startswith(_HEADER) or head[18:] != _JOURNAL:
        raise ArchiveError(f"{path.name} is no SQLite file of an archive")
    uri = f"{path.resolve().as_uri()}?mode=ro&immutable=1"
    try:
        with closing(sqlite3.connect(uri, uri=True)) as db:
            db.execute("PRAGMA trusted_schema = OFF")
            db.execute("PRAGMA cell_size_check = ON")
            found = {*db.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema")}
            unknown = found - fresh_schema(log=True)
            if unknown or fresh_schema(log=False) - found:
                names = ", ".join(sorted(f"{kind} {name}" for kind, name, *_ in unknown))
                raise ArchiveError(
                    f"{path.name} has other tables than a study: {names or 'some are missing'}"
                )
            ((verdict,), *_) = db.execute("PRAGMA integrity_check(1)").fetchall()
            if verdict != "ok":
                raise ArchiveError(f"{path.name} is damaged: {verdict}")
            if stray := db.execute("PRAGMA foreign_key_check").fetchone():
                raise ArchiveError(f"{path.name} has {stray[0]} of a run that it does not list")
            return {key: json.loads(value) for key, value in db.execute("SELECT * FROM meta")}
    except (sqlite3.Error, ValueError, TypeError, RecursionError) as error:
        raise ArchiveError(f"{path.name} cannot be read: {error}") from error


def check_runs(path: Path, study: Study) -> None:
    """Refuse a study file, known to hold our tables, with runs that are none of its study."""
    benchmarks = {b.label for b in study.benchmarks}
    entries = {e.label for e in study.entries}
    uri = f"{path.resolve().as_uri()}?mode=ro&immutable=1"
    with closing(sqlite3.connect(uri, uri=True)) as db:
        for run, bench, entry in db.execute("SELECT run, benchmark, entry FROM runs"):
            if bench not in benchmarks or entry not in entries or run >= study.runs:
                raise ArchiveError(f"{path.name} has a run that its study does not know: {run}")


def check_weights(path: Path) -> None:
    """Refuse a file of weights that holds anything but tensors by name.

    Raises
    ------
    ArchiveError
        Its pickle asks for something else, or it is no such file.
    """
    names = _entries(path)
    if strange := [name for name in names if not _PARTS.fullmatch(name)]:
        raise ArchiveError(f"{path.name} holds {strange[0]!r}, which is no part of weights")
    pickles = [name for name in names if name.endswith("data.pkl")]
    if len(pickles) != 1:
        raise ArchiveError(f"{path.name} holds no weights, or several")
    _check_pickle(_read(path, pickles[0], _MOST), path.name)


def check_arrays(path: Path) -> None:
    """Refuse a ``.npz`` file with arrays of Python objects, which are pickles.

    Raises
    ------
    ArchiveError
        It has some, or is no such file.
    """
    for name in _entries(path):
        head = io.BytesIO(_read(path, name, None))
        try:
            read = _HEADS[np.lib.format.read_magic(head)]
            kind = read(head)[2]
        except (ValueError, KeyError) as error:
            raise ArchiveError(f"{path.name}: {name} is no array: {error}") from error
        if kind.hasobject:
            raise ArchiveError(f"{path.name}: {name} holds Python objects, and so a pickle")


def _entries(path: Path) -> list[str]:
    with path.open("rb") as file:
        begins = file.read(len(_ZIP))
    try:
        # What does not begin like this would be read as a pickle, whatever its end says.
        if begins != _ZIP:
            raise ValueError("it does not begin as a zip file")
        with zipfile.ZipFile(path) as archive:
            return archive.namelist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise ArchiveError(f"{path.name} cannot be read: {error}") from error


def _read(path: Path, name: str, most: int | None) -> bytes:
    """Return an entry that is at most so large; without a limit, its beginning."""
    limit = _HEAD if most is None else most
    try:
        with zipfile.ZipFile(path) as archive, archive.open(name) as file:
            content = file.read(limit + 1)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, OSError) as error:
        raise ArchiveError(f"{path.name} cannot be read: {error}") from error
    if most is not None and len(content) > most:
        raise ArchiveError(f"{path.name}: {name} is larger than weights need")
    return content


def _check_pickle(content: bytes, name: str) -> None:
    try:
        for code, argument, _ in pickletools.genops(content):
            asks = code.name == "GLOBAL" and not _TENSORS.fullmatch(str(argument))
            if asks or code.name in _UNWANTED:
                raise ArchiveError(f"{name} is a pickle that asks for {argument or code.name}")
    except ValueError as error:
        raise ArchiveError(f"{name} is no pickle of weights: {error}") from error
