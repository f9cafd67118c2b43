"""A study folder as one file: results, provenance, what was installed, and the files it needs.

A zip archive whose first entry, ``MANIFEST.json``, has size and sha256 of all others, and whose
comment is ``sha256:`` and the sha256 of all bytes before its 64 digits. The same folder gives the
same bytes.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import closing
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import workbench
from workbench.errors import ArchiveError, StoreError
from workbench.harness.energy import ENERGY
from workbench.harness.frozen import Meta, check_format
from workbench.harness.sections import Study, map_paths
from workbench.harness.store import FILE, read_meta, writer_of
from workbench.harness.study import stored_study

MANIFEST = "MANIFEST.json"
FORMAT = 1
WRITTEN = ("report.html", "summary.json", "results.parquet")
"""What ``workbench report`` writes for every kind of study."""
OPTIONAL = ("timing.json", "best.py", "best.pt")
TOLD = ("study.json", "provenance.json", "requirements.lock")
"""What an archive says once more for people and other programs, which a folder does not hold."""
FILES = "files"
ENDINGS = (".py", ".csv", ".parquet", ".npz")
"""Of plug-in files, tables and data that a study names."""

_SEAL = b"sha256:"
_HEX = 64
_NEVER = (1980, 1, 1, 0, 0, 0)
_RIGHTS = 0o100644 << 16


class Exported(NamedTuple):
    """An archive: how many files it holds, its bytes, and the folders that it had to leave out."""

    path: Path
    files: int
    size: int
    left_out: list[str]


def export_study(folder: Path | str, path: Path | str | None = None) -> Exported:
    """Write a study folder, with its results and report, into an archive.

    Plug-in files, tables and data files that the study names come along under ``files/``, and the
    study in the archive names them there; folders of data are left out.

    Parameters
    ----------
    folder : path of a study folder
    path : path, default the study's name with ``.zip``, in the current folder

    Raises
    ------
    StoreError
        The folder holds no study, has no report, or is being written; a file that the study names
        is not there, or not what it was.
    ArchiveError
        There is a file of that name already.
    """
    folder = Path(folder)
    meta = read_meta(folder)
    check_format(meta, folder)
    study = stored_study(meta["study"])
    target = Path(f"{study.name}.zip" if path is None else path)
    if target.exists():
        raise ArchiveError(f"{target} is there already; choose another name, or remove it")
    if writer := writer_of(folder):
        raise StoreError(f"{folder} is being written by {writer}; wait for it or stop it")
    for name in WRITTEN:
        if not (folder / name).is_file():
            raise StoreError(f"{folder / name} is not there; `workbench report {folder}` writes it")
    placed, left_out = _named_files(study, meta, folder)
    with tempfile.TemporaryDirectory(prefix="workbench-") as made:
        sources = _sources(folder, meta, placed, Path(made))
        manifest = {
            "format": FORMAT,
            "workbench": workbench.__version__,
            "study": study.name,
            "left_out": left_out,
            "files": {name: _facts(source) for name, source in sorted(sources.items())},
        }
        (Path(made) / MANIFEST).write_text(_json(manifest), encoding="utf-8")
        _write(target, {MANIFEST: Path(made) / MANIFEST, **dict(sorted(sources.items()))})
    return Exported(target, len(sources) + 1, target.stat().st_size, left_out)


def sealed(path: Path) -> bool:
    """Return whether an archive ends with the hash of all that it holds."""
    with path.open("rb") as file:
        return _end(file) == _SEAL + _hash_before_end(file)


def seal(path: Path) -> None:
    """Put into the comment of an archive, in place of zeros, the hash of all bytes before these."""
    with path.open("r+b") as file:
        digest = _hash_before_end(file)
        file.seek(-_HEX, os.SEEK_END)
        file.write(digest)


COMMENT = _SEAL + b"0" * _HEX
"""What ``seal`` fills in."""


# -- what goes into it -----------------------------------------------------------------------------


def paths_of(study: Study) -> list[str]:
    """Return the files and folders that a study names, in their order."""
    found: dict[str, None] = {}

    def note(path: str) -> str:
        found[path] = None
        return path

    map_paths(study.model_dump(mode="json"), note)
    return [*found]


def _named_files(study: Study, meta: Meta, folder: Path) -> tuple[dict[str, str], list[str]]:
    """Return by path where in the archive files lie, and the folders that are left out.

    Raises
    ------
    StoreError
        A file is not there, or not what the study was run with.
    """
    placed: dict[str, str] = {}
    left_out = []
    for path in paths_of(study):
        name = Path(path).name
        if Path(path).is_dir():
            left_out.append(path)
            continue
        if not Path(path).is_file():
            raise StoreError(f"{path} is not there, which the study in {folder} was run with")
        places = (f"{FILES}/{name}", *(f"{FILES}/{i}/{name}" for i in range(2, 1000)))
        placed[path] = next(place for place in places if place not in placed.values())
    hashes = meta["fingerprint"]
    wanted = {path: hashes.get(Path(path).name) for path in placed if path.endswith(".py")}
    wanted |= {entry.table: hashes[entry.label] for entry in study.benchmarks if entry.table}
    for path, digest in wanted.items():
        if _facts(Path(path))["sha256"] != digest:
            raise StoreError(f"{path} is not what the study in {folder} was run with")
    return placed, left_out


def _sources(folder: Path, meta: Meta, placed: dict[str, str], made: Path) -> dict[str, Path]:
    """Return by name where the contents of the archive are, after some were written."""
    there = [*WRITTEN, *(name for name in OPTIONAL if (folder / name).is_file())]
    study = map_paths(meta["study"], lambda path: placed.get(path, path))
    _copy(folder / FILE, made, study)
    told = (
        stored_study(study).compact() + "\n",
        _json({k: meta[k] for k in ("provenance", "fingerprint", ENERGY) if k in meta}),
        _lock(meta),
    )
    for name, text in zip(TOLD, told, strict=True):
        (made / name).write_text(text, encoding="utf-8")
    return (
        {name: folder / name for name in there}
        | {name: made / name for name in (FILE, *TOLD)}
        | {place: Path(path) for path, place in placed.items()}
    )


def _copy(database: Path, made: Path, study: dict[str, Any]) -> None:
    """Write a consistent copy of a database, with the study in it as it is in the archive."""
    uri = f"{database.resolve().as_uri()}?mode=ro"
    first = made / "first.sqlite"
    with closing(sqlite3.connect(uri, uri=True)) as db:
        db.execute("VACUUM INTO ?", (str(first),))
    with closing(sqlite3.connect(first)) as db:
        with db:
            text = json.dumps(study, sort_keys=True)
            db.execute("UPDATE meta SET value = ? WHERE key = 'study'", (text,))
        db.execute("PRAGMA schema_version = 1")  # it counts how often a file was copied
        db.execute("VACUUM INTO ?", (str(made / FILE),))


def _lock(meta: Meta) -> str:
    """Return the versions of all that was installed, as pip reads them."""
    known = meta["provenance"]
    commit = f", commit {known['git']['commit']}" if known["git"] else ""
    lines = [f"# Python {known['python']}; nas-workbench {known['workbench']}{commit}"]
    found = meta.get("installed")
    if found is None:
        lines.append("# what else was installed was not recorded then")
    return "\n".join([*lines, *(f"{n}=={v}" for n, v in (found or known["packages"]).items()), ""])


def _facts(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        return {"sha256": file_digest(file, "sha256").hexdigest(), "size": path.stat().st_size}


def _json(value: Any) -> str:
    return json.dumps(value, indent=1, sort_keys=True) + "\n"


# -- the file --------------------------------------------------------------------------------------


def _write(target: Path, sources: dict[str, Path]) -> None:
    """Write an archive under another name, and then give it its own."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.partial")
    try:
        with zipfile.ZipFile(partial, "w") as archive:
            for name, source in sources.items():
                info = zipfile.ZipInfo(name, _NEVER)
                info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, _RIGHTS
                info.create_system = 3
                info.file_size = source.stat().st_size
                with source.open("rb") as file, archive.open(info, "w") as entry:
                    shutil.copyfileobj(file, entry)
            archive.comment = COMMENT
        seal(partial)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def _end(file: BinaryIO) -> bytes:
    """Return the last bytes of an archive, where its seal is."""
    size = len(_SEAL) + _HEX
    file.seek(-min(size, file.seek(0, os.SEEK_END)), os.SEEK_END)
    return file.read(size)


def _hash_before_end(file: BinaryIO) -> bytes:
    left = file.seek(0, os.SEEK_END) - _HEX
    file.seek(0)
    digest = sha256()
    for block in _blocks(file, left):
        digest.update(block)
    return digest.hexdigest().encode()


def _blocks(file: BinaryIO, left: int) -> Iterator[bytes]:
    while left > 0 and (block := file.read(min(left, 1 << 20))):
        left -= len(block)
        yield block
