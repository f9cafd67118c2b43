"""The part of a listable space that a mask admits, such as what a table with gaps holds."""

from __future__ import annotations

from functools import cached_property
from hashlib import sha256
from typing import Any

import numpy as np

from workbench.errors import ArchitectureError
from workbench.spaces._product import Space
from workbench.types import Arch, Archs, Graphs, Ints, Mask


class RestrictedSpace(Space):
    """The members of ``base`` whose ``index`` a mask of shape ``(base.cardinality,)`` admits."""

    def __init__(self, base: Space, mask: Mask) -> None:
        mask = np.asarray(mask, dtype=np.bool_)
        if mask.shape != (base.cardinality,):
            raise ArchitectureError(
                f"a mask over {base.name} has shape ({base.cardinality},); got {mask.shape}"
            )
        digest = sha256(np.packbits(mask).tobytes()).hexdigest()[:8]
        super().__init__(f"{base.name}[{int(mask.sum())}:{digest}]", base.decisions)
        self.base = base
        self._mask = mask
        members = base.unrank(np.flatnonzero(mask))
        self._members = members[base.valid(members)]
        if not len(self._members):
            raise ArchitectureError(f"the mask admits no valid architecture of {base.name}")

    def __reduce__(self) -> tuple[Any, ...]:
        return RestrictedSpace, (self.base, self._mask)

    def __repr__(self) -> str:
        return f"<space {self.name}: {len(self._members)} members>"

    @property
    def whole(self) -> Space:
        """The space that this one is a part of."""
        return self.base.whole

    def all(self) -> Archs:
        """Return every member, in the order of ``index``."""
        return self._members.copy()

    def sample(self, n: int, rng: np.random.Generator) -> Archs:
        """Return ``n`` independent uniform draws from the members."""
        return self._members[rng.integers(len(self._members), size=n)]

    def active(self, archs: Archs) -> Mask:
        """Return what the base says."""
        return self.base.active(archs)

    def _feasible(self, archs: Archs) -> Mask:
        return np.asarray(self.base._feasible(archs) & self._mask[self.base.index(archs)])

    def mutate(self, arch: Arch, rng: np.random.Generator) -> Arch:
        """Return a uniform choice among the valid neighbours (any member, where there is none)."""
        near = self.neighbours(arch)
        pool = near if len(near) else self._members
        return tuple(pool[int(rng.integers(len(pool)))].tolist())

    def canonical(self, archs: Archs) -> Archs:
        """Return the first member (by ``index``) of each row's class in the base."""
        rows = self.check(archs)
        return self._members[self._representative[self._place(rows)]]

    @cached_property
    def _representative(self) -> Ints:
        labels = self.base.index(self.base.canonical(self._members))
        _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
        return np.asarray(first[inverse])

    def _place(self, rows: Archs) -> Ints:
        return np.searchsorted(self.base.index(self._members), self.base.index(rows))

    def format(self, arch: Arch) -> str:
        """Return the base's string."""
        return self.base.format(arch)

    def parse(self, text: str) -> Arch:
        """Return the base's reading; raise where the mask does not admit it."""
        return self._valid_or_raise(self.base.parse(text), text)

    def graphs(self, archs: Archs) -> Graphs:
        """Return the base's graphs."""
        return self.base.graphs(archs)
