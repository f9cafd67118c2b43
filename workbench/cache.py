"""The user's cache: arrays that took a conversion, stored once for all later loads.

``WORKBENCH_CACHE`` names its folder; otherwise it is the platform's place for caches. A file is
written under another name and then moved, so that any number of processes may write the same one.
It may be deleted at any time, and what cannot be read is made again.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray
from platformdirs import user_cache_dir

Arrays: TypeAlias = Mapping[str, NDArray[Any]]

LAYOUT = 1
"""To be raised whenever what is stored changes its meaning or shape."""

_log = logging.getLogger(__name__)


def folder() -> Path:
    """Return the folder of the cache; it need not exist."""
    named = os.environ.get("WORKBENCH_CACHE") or user_cache_dir("nas-workbench", False)
    return Path(named).expanduser()


def cached(name: str, source_hash: str, make: Callable[[], Arrays]) -> Arrays:
    """Return the arrays stored under a name, or make and store them.

    They are made again where the file is absent, damaged, of another layout, or came of a source
    with another hash. Where they cannot be stored, the log says so, once a process.
    """
    path = folder() / f"{name}.npz"
    stamp = f"{LAYOUT}:{source_hash}"
    arrays = _read(path, stamp)
    if arrays is not None:
        return arrays
    arrays = make()
    try:
        _write(path, stamp, arrays)
    except OSError as error:
        _warn_once(path.parent, error.strerror or str(error))
    return arrays


@cache
def _warn_once(where: Path, reason: str) -> None:
    _log.warning(
        "the cache %s cannot be written (%s), so that every process converts its data again;"
        " WORKBENCH_CACHE names another folder",
        where,
        reason,
    )


def _read(path: Path, stamp: str) -> Arrays | None:
    """Return what is stored, None where it is not what is wanted; zip checksums find damage."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            if str(stored["stamp"]) == stamp:
                return {name: stored[name] for name in stored.files if name != "stamp"}
            _log.info("%s is of another source or version and is made again", path)
    except (FileNotFoundError, NotADirectoryError):
        pass
    except Exception as error:
        # Garbage makes numpy and zipfile raise nearly anything; none of it is the user's concern.
        _log.warning("%s cannot be read (%s) and is made again", path, error)
    return None


def _write(path: Path, stamp: str, arrays: Arrays) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Not by tempfile, whose files nobody else may read: a cache may be shared.
    temporary = path.with_name(f".{path.stem}-{uuid4().hex}.tmp")
    try:
        with temporary.open("xb") as file:
            np.savez(file, allow_pickle=False, **{"stamp": np.array(stamp), **arrays})
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
