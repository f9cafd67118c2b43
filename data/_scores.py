"""The zero-cost scores of a measured table: ``proxies-0003.npz`` beside ``part-0003.npz``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from workbench.data._parts import load_archive, parts, write_archive
from workbench.errors import TableError
from workbench.types import Archs, Floats

_TYPES = {"arch": np.int8, "scores": np.float64, "seconds": np.float32}


class ProxyScores(NamedTuple):
    """Scores and CPU seconds ``(n, p)`` of the rows of a table, by ``names``; NaN: not known."""

    names: tuple[str, ...]
    scores: Floats
    seconds: Floats


def path_of(part: Path) -> Path:
    """Return the file of scores that belongs to a part."""
    return part.with_name(part.name.replace("part-", "proxies-"))


def write_scores(part: Path, archs: Archs, found: ProxyScores, made: Mapping[str, Any]) -> Path:
    """Write the scores of a part at once or not at all, and return the path."""
    columns = {"arch": archs, "scores": found.scores, "seconds": found.seconds}
    arrays = {name: np.asarray(columns[name], dtype=kind) for name, kind in _TYPES.items()}
    arrays["names"] = np.array(found.names)
    return write_archive(path_of(part), made, arrays)


def read_scores(folder: Path, archs: Archs) -> ProxyScores:
    """Return the scores of a table, whose rows are ``archs``; of no names where there are none.

    Raises
    ------
    TableError
        A file is damaged, or is of other architectures.
    """
    paths = [path_of(part) for part in parts(folder)]
    try:
        stored = [load_archive(path) for path in paths if path.exists()]
    except TableError as error:
        raise _unusable(folder, error) from error
    names = _names(stored)
    scores = np.full((2, len(archs), len(names)), np.nan)
    place = {tuple(arch): row for row, arch in enumerate(archs.tolist())}
    for one in stored:
        try:
            rows = [place[tuple(arch)] for arch in one["arch"].tolist()]
            columns = [names.index(name) for name in one["names"].tolist()]
            scores[0][np.ix_(rows, columns)] = one["scores"]
            scores[1][np.ix_(rows, columns)] = one["seconds"]
        except (KeyError, ValueError) as error:
            raise _unusable(folder, error) from error
    return ProxyScores(tuple(names), *scores)


def is_complete(part: Path) -> bool:
    """Return whether there are scores of all architectures of a part, and of no others."""
    try:
        stored = load_archive(path_of(part))["arch"]
    except (TableError, KeyError):
        return False
    return np.array_equal(stored, load_archive(part)["arch"])


def _unusable(folder: Path, error: Exception) -> TableError:
    return TableError(
        f"the zero-cost scores of {folder} are not those of its parts ({error}):"
        " `workbench measure` computes them again"
    )


def _names(stored: Sequence[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(str(n) for one in stored for n in one.get("names", np.array([]))))
