"""An archive of a study, of whoever made it, unpacked into a new folder; or refused.

Nothing of it is believed: names, kinds and sizes are checked before a byte is written, sizes and
hashes while it is, and what could make code run before the folder gets its name.
"""

from __future__ import annotations

import json
import re
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path, PurePosixPath
from shutil import rmtree
from struct import error as struct_error
from typing import Any, BinaryIO, NamedTuple

from workbench.errors import ArchiveError, WorkbenchError
from workbench.harness.archive import (
    ENDINGS,
    FILES,
    FORMAT,
    MANIFEST,
    OPTIONAL,
    TOLD,
    WRITTEN,
    paths_of,
    sealed,
)
from workbench.harness.foreign import check_arrays, check_database, check_runs, check_weights
from workbench.harness.frozen import check_format
from workbench.harness.sections import Study
from workbench.harness.store import FILE
from workbench.harness.study import stored_study

GIGABYTE = 10**9
LIMIT = 4.0
"""Gigabytes that an archive may come to."""

_MOST_OF_A_MANIFEST = 1 << 20
_BLOCK = 1 << 20
_NEEDED = {FILE, *WRITTEN, *TOLD}
_KNOWN = {MANIFEST, *_NEEDED, *OPTIONAL}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_FAULTS = (
    *(zipfile.BadZipFile, zlib.error, struct_error, EOFError, RuntimeError),
    *(NotImplementedError, OverflowError, ValueError, KeyError, TypeError, AttributeError),
)


class Imported(NamedTuple):
    """A folder that an archive became: its files, those of them that are code, what it lacks."""

    folder: Path
    files: int
    code: list[str]
    left_out: list[str]


class Manifest(NamedTuple):
    """What an archive says that it holds: hash and size of each file by name."""

    study: str
    files: dict[str, tuple[str, int]]
    left_out: list[str]


def import_study(
    path: Path | str, folder: Path | str | None = None, limit: float = LIMIT
) -> Imported:
    """Unpack the archive of a study into a new folder.

    Nothing of it is run or unpickled. Code that it brings is named; `workbench run` and `reproduce`
    would run it.

    Parameters
    ----------
    path : path of an archive
    folder : path, default the study's name in the current folder
    limit : float
        Gigabytes that it may come to.

    Raises
    ------
    ArchiveError
        It is damaged or changed, too large, or holds what an archive of a study does not; or the
        folder is there already. Nothing is left behind.
    """
    path = Path(path)
    with _refusing(path):
        if not sealed(path):
            raise ArchiveError("it was changed since it was written, or is no archive of a study")
        with zipfile.ZipFile(path) as archive:
            entries = _entries(archive)
            manifest = _manifest(archive, entries, limit)
            target = Path(manifest.study if folder is None else folder)
            if target.exists() or target.is_symlink():
                raise ArchiveError(f"{target} is there already; choose another folder (--out)")
            target.parent.mkdir(parents=True, exist_ok=True)
            made = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
            try:
                for name, (digest, size) in manifest.files.items():
                    _unpack(archive, entries[name], made / name, digest, size)
                _check_contents(made, manifest)
                made.chmod(0o755)
                made.rename(target)
            finally:
                rmtree(made, ignore_errors=True)
    code = [name for name in manifest.files if name.endswith(".py")]
    return Imported(target, len(manifest.files), code, manifest.left_out)


@contextmanager
def _refusing(path: Path) -> Iterator[None]:
    """Say of which archive it is what is wrong, whoever finds it."""
    try:
        yield
    except WorkbenchError as error:
        raise ArchiveError(f"{path}: {error}") from error
    except _FAULTS as error:
        raise ArchiveError(f"{path}: it cannot be read ({error})") from error


def _entries(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """Return the entries by name, once all are plain files of names that are known."""
    found: dict[str, zipfile.ZipInfo] = {}
    same = set()
    for info in archive.infolist():
        name = info.filename
        if name != info.orig_filename or not _admitted(name):
            raise ArchiveError(
                f"{info.orig_filename!r} is no file of a study; nothing was unpacked"
            )
        kind = stat.S_IFMT(info.external_attr >> 16)
        if kind not in (0, stat.S_IFREG):
            raise ArchiveError(f"{name} is a link, or no plain file: it is refused")
        if info.flag_bits & 1 or info.compress_type not in (
            zipfile.ZIP_STORED,
            zipfile.ZIP_DEFLATED,
        ):
            raise ArchiveError(f"{name} is encrypted, or packed in another way than ours")
        # Some file systems do not tell these apart.
        if name.casefold() in same:
            raise ArchiveError(f"{name} is there twice: it is refused")
        same.add(name.casefold())
        found[name] = info
    return found


def _admitted(name: str) -> bool:
    """Return whether an entry may have a name: ours, ``files/NAME``, ``files/2/NAME``."""
    if name in _KNOWN:
        return True
    *folders, last = name.split("/")
    return (
        folders[:1] == [FILES]
        and (len(folders) == 1 or (len(folders) == 2 and folders[1].isdecimal()))
        and last.isprintable()
        and not last.startswith(".")
        and not set(last) & set('\\:*?"<>|')
        and PurePosixPath(last).suffix in ENDINGS
    )


def _manifest(
    archive: zipfile.ZipFile, entries: Mapping[str, zipfile.ZipInfo], limit: float
) -> Manifest:
    if MANIFEST not in entries:
        raise ArchiveError(f"it has no {MANIFEST}")
    with archive.open(entries[MANIFEST]) as file:
        text = file.read(_MOST_OF_A_MANIFEST + 1)
    if len(text) > _MOST_OF_A_MANIFEST:
        raise ArchiveError(f"{MANIFEST} is larger than any could be")
    found = _read(json.loads(text))
    if different := {*found.files} ^ ({*entries} - {MANIFEST}):
        raise ArchiveError(f"{MANIFEST} and contents do not agree: {', '.join(sorted(different))}")
    if missing := _NEEDED - {*found.files}:
        raise ArchiveError(f"it lacks {', '.join(sorted(missing))}")
    total = sum(size for _, size in found.files.values())
    if total > limit * GIGABYTE:
        raise ArchiveError(
            f"it comes to {total / GIGABYTE:,.3g} GB, and the limit is {limit:g} (--limit)"
        )
    return found


def _read(said: Any) -> Manifest:
    """Return a manifest of JSON, once everything in it is of its kind."""
    if said["format"] != FORMAT:
        raise ArchiveError("it was written by another version of the workbench")
    files = {name: (one["sha256"], one["size"]) for name, one in said["files"].items()}
    wrong = [
        name
        for name, (digest, size) in files.items()
        if not re.fullmatch(r"[0-9a-f]{64}", digest) or type(size) is not int or size < 0
    ]
    left_out = [str(one) for one in said["left_out"]]
    if wrong or not _NAME.fullmatch(said["study"]):
        raise ArchiveError(f"{MANIFEST} makes no sense")
    return Manifest(said["study"], files, left_out)


def _unpack(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, to: Path, digest: str, size: int
) -> None:
    """Write one file, and stop as soon as it is more than the manifest says."""
    to.parent.mkdir(parents=True, exist_ok=True)
    with archive.open(info) as source, to.open("xb") as target:
        found, written = _copy(source, target, size)
    if written > size:
        raise ArchiveError(f"{info.filename} is larger than {MANIFEST} says")
    if written != size or found != digest:
        raise ArchiveError(f"{info.filename} is not what {MANIFEST} says: it was changed")


def _copy(source: Any, target: BinaryIO, size: int) -> tuple[str, int]:
    digest, written = sha256(), 0
    while written <= size and (block := source.read(min(_BLOCK, size - written + 1))):
        written += len(block)
        digest.update(block)
        target.write(block)
    return digest.hexdigest(), written


def _check_contents(made: Path, manifest: Manifest) -> None:
    """Refuse what only looks like a study, or could make code run when it is looked at."""
    meta = check_database(made / FILE)
    check_format(meta, made)
    study = stored_study(meta["study"])
    if study.name != manifest.study:
        raise ArchiveError(f"{MANIFEST} names another study than {FILE}")
    _check_paths(study, manifest)
    check_runs(made / FILE, study)
    for name in manifest.files:
        if name.endswith(".json") and "/" not in name:
            json.loads((made / name).read_text(encoding="utf-8"))
        elif name.endswith(".pt"):
            check_weights(made / name)
        elif name.endswith(".npz"):
            check_arrays(made / name)


def _check_paths(study: Study, manifest: Manifest) -> None:
    """Refuse a study that names files outside of its archive; folders of data were left out."""
    brought: Sequence[str] = [name for name in manifest.files if name.startswith(f"{FILES}/")]
    named = paths_of(study)
    for path in named:
        data = path in manifest.left_out and not path.endswith(ENDINGS)
        if path not in brought and not data:
            raise ArchiveError(f"the study names {path!r}, which is not in the archive")
    if more := [name for name in brought if name not in named]:
        raise ArchiveError(f"the study does not name {more[0]}")
