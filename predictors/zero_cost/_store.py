"""Scores on disk: parts that are only ever added, so that nothing is lost or computed twice."""

from __future__ import annotations

import time
from functools import lru_cache
from types import TracebackType
from typing import Self
from uuid import uuid4

import numpy as np

from workbench import cache
from workbench.predictors.zero_cost._score import Score
from workbench.types import Arch

Scores = dict[str, Score]
_SECONDS = 10.0


class Store:
    """The scores of one space, batch and setting: a folder of the cache.

    A part is written, whole or not at all, when 10 seconds have gone by since the last, and at the
    end. Any number of processes may add to a folder.
    """

    def __init__(self, key: str) -> None:
        self._key = key
        self._name = f"proxies/{key[:32]}"
        self._waiting: dict[Arch, Scores] = {}
        self._written = time.monotonic()

    def read(self) -> dict[Arch, Scores]:
        """Return all that is stored."""
        found: dict[Arch, Scores] = {}
        for path in sorted((cache.folder() / self._name).glob("*.npz")):
            for arch, scores in _part(str(path), f"{self._name}/{path.stem}", self._key):
                found.setdefault(arch, {}).update(scores)
        return found

    def add(self, arch: Arch, scores: Scores) -> None:
        """Keep the scores of an architecture, and write what has gathered, if it is time."""
        self._waiting[arch] = scores
        if time.monotonic() - self._written > _SECONDS:
            self.write()

    def write(self) -> None:
        """Write what has gathered, one part for each set of columns."""
        groups: dict[tuple[str, ...], list[Arch]] = {}
        for arch, scores in self._waiting.items():
            groups.setdefault(tuple(scores), []).append(arch)
        for columns, archs in groups.items():
            self._write_part(columns, archs)
        self._waiting.clear()
        self._written = time.monotonic()

    def _write_part(self, columns: tuple[str, ...], archs: list[Arch]) -> None:
        numbers = [[self._waiting[arch][column] for column in columns] for arch in archs]
        arrays = {
            "archs": np.array(archs, dtype=np.int64),
            "columns": np.array(columns),
            "numbers": np.array(numbers, dtype=np.float64),
        }
        cache.cached(f"{self._name}/{uuid4().hex}", self._key, lambda: arrays)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.write()


@lru_cache(maxsize=256)
def _part(path: str, name: str, key: str) -> tuple[tuple[Arch, Scores], ...]:  # noqa: ARG001
    """Return the rows of a part, which never changes once it is there; none where it is damaged."""
    part = cache.cached(name, key, dict)
    if "archs" not in part:
        return ()
    columns = part["columns"].tolist()
    return tuple(
        (tuple(arch), {c: Score(*n) for c, n in zip(columns, numbers, strict=True)})
        for arch, numbers in zip(part["archs"].tolist(), part["numbers"].tolist(), strict=True)
    )
