"""The general product space: what every space inherits and may make narrower or faster."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from workbench.errors import ArchitectureError, NoGraph, SpaceTooLarge
from workbench.types import Arch, Archs, Decision, Graphs, Ints, Mask

_LISTABLE = 1 << 26
_MAX_REJECTIONS = 1000


class Space:
    """All rows of a product of decisions, or the valid part of them.

    A subclass names its ``decisions`` and, where they differ from the plain product, overrides
    ``_feasible`` (constraints), ``active`` (variable structure), ``canonical``, ``graphs``,
    ``format`` and ``parse``. Whatever a method returns is in normal form: an inactive decision
    holds 0. Every method that takes a population is one array operation.

    Spaces are compared by name, copy to themselves, and are pickled by how they were made.
    """

    name: str
    decisions: tuple[Decision, ...]

    def __init__(self, name: str, decisions: Sequence[Decision]) -> None:
        self.name = name
        self.decisions = tuple(decisions)
        self.radices: tuple[int, ...] = tuple(len(d.values) for d in self.decisions)
        if not self.radices or min(self.radices) < 1:
            raise ArchitectureError(f"space {name}: every decision needs at least one value")
        self._radix_row = np.array(self.radices, dtype=np.int16)
        self._free = np.flatnonzero(self._radix_row > 1)

    # -- identity ---------------------------------------------------------------------------------

    def __reduce__(self) -> tuple[Any, ...]:
        if type(self) is Space:
            return Space, (self.name, self.decisions)
        return type(self), ()

    def __copy__(self) -> Space:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Space:
        return self

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Space) and self.name == other.name

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f"<space {self.name}: {self.dimension} decisions>"

    # -- size -------------------------------------------------------------------------------------

    @property
    def dimension(self) -> int:
        """Number of decisions, the ``d`` of ``(n, d)``."""
        return len(self.radices)

    @cached_property
    def cardinality(self) -> int:
        """Number of rows of the product, valid or not; exact, however large."""
        return math.prod(self.radices)

    @cached_property
    def plain(self) -> bool:
        """Whether every row of the product is valid (no constraint, nothing inactive)."""
        return type(self)._feasible is Space._feasible and type(self).active is Space.active

    def all(self) -> Archs:
        """Return every valid architecture, in the order of ``index``, shape ``(n, d)``.

        Raises
        ------
        SpaceTooLarge
            The product has more than 2**26 rows.
        """
        if self.cardinality > _LISTABLE:
            raise SpaceTooLarge(f"space {self.name} has {self.cardinality} rows: too many to list")
        rows = self.unrank(np.arange(self.cardinality))
        return rows if self.plain else rows[self.valid(rows)]

    # -- membership -------------------------------------------------------------------------------

    def valid(self, archs: Archs) -> Mask:
        """Return which rows are architectures of this space in normal form, shape ``(n,)``."""
        rows = self._rows(archs)
        inside: Mask = np.all((rows >= 0) & (rows < self._radix_row), axis=1)
        if self.plain:
            return inside
        safe = np.where(inside[:, None], rows, 0).astype(np.int16)
        normal = ((safe == 0) | self.active(safe)).all(axis=1)
        return np.asarray(inside & normal & self._feasible(safe))

    def active(self, archs: Archs) -> Mask:
        """Return which decisions of each row have an effect, shape ``(n, d)``."""
        return np.ones(self._rows(archs).shape, dtype=np.bool_)

    def check(self, archs: Archs) -> Archs:
        """Return the population as ``int16``; raise where a row is no architecture.

        Raises
        ------
        ArchitectureError
            Names the first bad row and what is wrong with it.
        """
        rows = self._rows(archs)
        bad = ~self.valid(rows)
        if bad.any():
            where = int(np.flatnonzero(bad)[0])
            raise ArchitectureError(
                f"row {where} is no architecture of {self.name}: {tuple(rows[where].tolist())}"
                f" (values must be 0 to {tuple(r - 1 for r in self.radices)}"
                f"{'' if self.plain else ', inactive decisions 0, constraints met'})"
            )
        return rows.astype(np.int16, copy=False)

    def _feasible(self, archs: Archs) -> Mask:
        """Return which rows, in range and in normal form, meet the constraints, shape ``(n,)``."""
        return np.ones(len(archs), dtype=np.bool_)

    def _rows(self, archs: Archs) -> Archs:
        rows = np.asarray(archs)
        if rows.ndim != 2 or rows.shape[1] != self.dimension or rows.dtype.kind not in "iu":
            raise ArchitectureError(
                f"{self.name} takes integer arrays of shape (n, {self.dimension});"
                f" got {rows.dtype} of shape {rows.shape}"
            )
        return rows

    # -- moving about -----------------------------------------------------------------------------

    def sample(self, n: int, rng: np.random.Generator) -> Archs:
        """Return ``n`` independent draws, uniform over the valid architectures, ``(n, d)``."""
        if self.plain:
            return rng.integers(self._radix_row, size=(n, self.dimension), dtype=np.int16)
        found: list[Archs] = []
        missing = n
        for _ in range(_MAX_REJECTIONS):
            rows = rng.integers(
                self._radix_row, size=(max(16, 2 * missing), self.dimension), dtype=np.int16
            )
            rows = rows[self.valid(rows)][:missing]
            found.append(rows)
            missing -= len(rows)
            if missing == 0:
                return np.concatenate(found)
        raise ArchitectureError(f"space {self.name}: hardly any row is valid; override sample()")

    def neighbours(self, arch: Arch) -> Archs:
        """Return all valid architectures one edit away, shape ``(m, d)``, each once.

        An edit gives one active decision another value. A decision that an edit switches on starts
        at its first value.
        """
        where, values = self._edits
        rows = np.tile(np.array(arch, dtype=np.int16), (len(where), 1))
        keep = rows[np.arange(len(where)), where] != values
        rows[np.arange(len(where)), where] = values
        if self.plain:
            return np.asarray(rows[keep])
        keep &= self.active(np.array([arch], dtype=np.int16))[0][where]
        rows = self.normalise(rows[keep])
        return rows[self.valid(rows)]

    def mutate(self, arch: Arch, rng: np.random.Generator) -> Arch:
        """Return a copy with one edit: a uniform active decision, a uniform other value.

        A decision that the edit switches on draws its value uniformly. An architecture without
        valid neighbours is returned as it is.
        """
        if self.plain:
            return self._edit(arch, self._free, rng)
        row = np.array([arch], dtype=np.int16)
        before = self.active(row)[0]
        free = self._free[before[self._free]]
        for _ in range(_MAX_REJECTIONS if len(free) else 0):
            child = np.array([self._edit(arch, free, rng)], dtype=np.int16)
            fresh = rng.integers(self._radix_row, dtype=np.int16)
            child = self.normalise(np.where(before, child, fresh).astype(np.int16))
            if self.valid(child)[0]:
                return tuple(child[0].tolist())
        neighbours = self.neighbours(arch)
        if not len(neighbours):
            return arch
        return tuple(neighbours[int(rng.integers(len(neighbours)))].tolist())

    def crossover(self, a: Arch, b: Arch, rng: np.random.Generator) -> Arch:
        """Return a child that takes each decision from either parent with equal chance.

        Where no child of a thousand is valid, the first parent is returned.
        """
        for _ in range(_MAX_REJECTIONS):
            heads = rng.random(self.dimension) < 0.5
            child = np.where(heads, a, b).astype(np.int16)[None]
            if self.plain:
                return tuple(child[0].tolist())
            child = self.normalise(child)
            if self.valid(child)[0]:
                return tuple(child[0].tolist())
        return a

    def normalise(self, archs: Archs) -> Archs:
        """Return the rows with inactive decisions set to 0."""
        return np.where(self.active(archs), archs, 0).astype(np.int16)

    @cached_property
    def _edits(self) -> tuple[Ints, Archs]:
        where = np.repeat(np.arange(self.dimension), self.radices)
        values = np.concatenate([np.arange(r, dtype=np.int16) for r in self.radices])
        return where, values

    def _edit(self, arch: Arch, free: Ints, rng: np.random.Generator) -> Arch:
        if not len(free):
            return arch
        where = int(free[rng.integers(len(free))])
        value = int(rng.integers(self.radices[where] - 1))
        value += value >= arch[where]
        return (*arch[:where], value, *arch[where + 1 :])

    # -- equality of meaning ----------------------------------------------------------------------

    def canonical(self, archs: Archs) -> Archs:
        """Return one representative of each row's published isomorphism class, ``(n, d)``."""
        return self.check(archs)

    # -- names and numbers ------------------------------------------------------------------------

    def index(self, archs: Archs) -> Ints:
        """Return the mixed-radix rank of each row (the first decision counts most), ``(n,)``.

        Raises
        ------
        SpaceTooLarge
            The product has more than 2**63 rows.
        """
        return np.asarray(self._rows(archs).astype(np.int64) @ self._strides)

    def unrank(self, index: Ints) -> Archs:
        """Return the rows of the given ranks, shape ``(n, d)``: the inverse of ``index``."""
        ranks = np.asarray(index, dtype=np.int64)[:, None]
        return np.asarray(ranks // self._strides % self._radix_row, dtype=np.int16)

    def rank(self, arch: Arch) -> int:
        """Return the rank of one architecture, checked, an exact integer however large.

        Raises
        ------
        ArchitectureError
            Wrong length, or a value out of range.
        """
        if len(arch) != len(self.radices):
            raise ArchitectureError(
                f"{self.name} has {self.dimension} decisions; got {len(arch)}: {arch}"
            )
        rank = 0
        for value, radix in zip(map(operator.index, arch), self.radices, strict=True):
            if not 0 <= value < radix:
                raise ArchitectureError(
                    f"{arch} is no architecture of {self.name}: values must be 0 to"
                    f" {tuple(r - 1 for r in self.radices)}"
                )
            rank = rank * radix + value
        return rank

    @cached_property
    def _strides(self) -> Ints:
        if self.cardinality > 1 << 63:
            raise SpaceTooLarge(
                f"space {self.name} has {self.cardinality} rows: no 64-bit index; use rank()"
            )
        tails = [math.prod(self.radices[i + 1 :]) for i in range(self.dimension)]
        return np.array(tails, dtype=np.int64)

    def format(self, arch: Arch) -> str:
        """Return the field's official string of an architecture."""
        values = (d.values[i] for d, i in zip(self.decisions, arch, strict=True))
        return ",".join(f"{d.name}={v}" for d, v in zip(self.decisions, values, strict=True))

    def parse(self, text: str) -> Arch:
        """Return the architecture of an official string: the inverse of ``format``.

        Raises
        ------
        ArchitectureError
            The string is not one of this space.
        """
        parts = dict(p.split("=", 1) for p in text.strip().split(",") if "=" in p)
        parts = {name.strip(): value.strip() for name, value in parts.items()}
        if sorted(parts) != sorted(d.name for d in self.decisions):
            raise self._unparsable(text)
        found = [_position(d, parts[d.name]) for d in self.decisions]
        arch = tuple(i for i in found if i is not None)
        if len(arch) < self.dimension:
            raise self._unparsable(text)
        return self._valid_or_raise(arch, text)

    def _valid_or_raise(self, arch: Arch, text: str) -> Arch:
        if not self.valid(np.array([arch], dtype=np.int16))[0]:
            raise ArchitectureError(f"{text!r} is not valid in space {self.name}")
        return arch

    def _unparsable(self, text: str) -> ArchitectureError:
        example = self.format(tuple([0] * self.dimension))
        return ArchitectureError(
            f"{text!r} is no architecture of {self.name}; one looks like {example!r}"
        )

    # -- views ------------------------------------------------------------------------------------

    def graphs(self, archs: Archs) -> Graphs:  # noqa: ARG002
        """Return the population as graphs with one operation a node.

        Raises
        ------
        NoGraph
            The space has none.
        """
        raise NoGraph(
            f"the architectures of {self.name} have no graphs; use an encoding of decisions"
            " such as one_hot"
        )

    @property
    def whole(self) -> Space:
        """The space that this one is a part of, or itself: by its name networks are built."""
        return self

    def restrict(self, mask: Mask) -> Space:
        """Return the part of this space that a mask over ``index`` admits, shape ``(size,)``."""
        from workbench.spaces._restricted import RestrictedSpace

        return RestrictedSpace(self, mask)


def _position(decision: Decision, text: str) -> int | None:
    """Return which value a text names: the same characters, or the same number."""
    for i, value in enumerate(decision.values):
        if text == str(value):
            return i
        if not isinstance(value, str):
            try:
                if math.isclose(float(text), value, rel_tol=1e-9):
                    return i
            except ValueError:
                return None
    return None
