"""Uniform draws without replacement, from spaces of any size."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from workbench.spaces import Space
from workbench.types import Arch, Archs

LISTABLE = 1 << 20
"""Up to so many rows, a space is listed and permuted; beyond, it is sampled."""

_BLOCK = 256
_MOST_BLOCKS = 1000


class DistinctDraws:
    """Rows in uniform random order, passing over those whose key was seen.

    Parameters
    ----------
    space : Space
        Where to draw from.
    rng : numpy.random.Generator
        Used from the first draw on.
    keys : callable of a population ``(n, d)`` to one ``(n, d)``
        Rows with equal keys count as the same, such as ``space.canonical``. By default each row
        is its own key.

    Notes
    -----
    Of a class of equal keys, any member may be the one drawn, with equal chance; a class is drawn
    early in proportion to its size, as in a search that draws rows and skips repeats.
    """

    def __init__(
        self,
        space: Space,
        rng: np.random.Generator,
        keys: Callable[[Archs], Archs] = lambda archs: archs,
    ) -> None:
        self._space = space
        self._rng = rng
        self._keys = keys
        self._seen: set[Arch] = set()
        self._rows = self._stream()

    def draw(self) -> Arch | None:
        """Return the next row of an unseen key, which is then seen; None: there is none left."""
        for row, key in self._rows:
            if key not in self._seen:
                self._seen.add(key)
                return row
        return None

    def see(self, arch: Arch) -> None:
        """Count the key of an architecture as seen."""
        key = self._keys(np.array([arch], dtype=np.int16))[0]
        self._seen.add(tuple(key.tolist()))

    def _stream(self) -> Iterator[tuple[Arch, Arch]]:
        for block in self._blocks():
            keys = self._keys(block).tolist()
            yield from zip(map(tuple, block.tolist()), map(tuple, keys), strict=True)

    def _blocks(self) -> Iterator[Archs]:
        if self._space.cardinality <= LISTABLE:
            rows = self._space.all()
            rows = rows[self._rng.permutation(len(rows))]
            yield from (rows[i : i + _BLOCK] for i in range(0, len(rows), _BLOCK))
            return
        stale = 0
        while stale < _MOST_BLOCKS:
            before = len(self._seen)
            yield self._space.sample(_BLOCK, self._rng)
            stale = stale + 1 if len(self._seen) == before else 0
