"""Where a predictor looks for the next architectures: the whole space, or made around the best."""

from __future__ import annotations

from collections.abc import Set
from functools import cached_property, lru_cache
from typing import Any, NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from workbench.spaces import Space
from workbench.types import Arch, Archs, Floats, Ints, Mask

WHOLE = 1 << 17
"""Up to so many rows, all isomorphism classes are candidates."""

_NUMBERS = 1 << 27
_DEFAULT_SIZE = 1000
_BLOCK = 512

Features: TypeAlias = NDArray[np.float32] | Floats


class Ranked(NamedTuple):
    """Candidates, ``(n, d)`` in canonical form, their features, ``(n, k)``, and which may be asked.

    Those that may not are left among the others because features of a whole space are large.
    """

    archs: Archs
    features: Features
    open: Mask


class Candidates(Protocol):
    """A source of candidates that also encodes what was evaluated."""

    def encode(self, archs: list[Arch]) -> Features:
        """Return the features of canonical architectures, ``(n, k)``."""

    def propose(self, elites: list[Arch], avoid: Set[Arch]) -> Ranked:
        """Return candidates, none of them in ``avoid``; ``elites`` are the best so far."""


class Classes(NamedTuple):
    """One representative of every class of a space, by rising rank, and its features."""

    archs: Archs
    ranks: Ints
    features: Features


class WholeSpace:
    """All classes of a space, encoded when they are first ranked, once a process."""

    def __init__(self, space: Space, encoder: Any) -> None:
        self._made_of = _Key(space, encoder)

    def encode(self, archs: list[Arch]) -> Features:
        """Return the features of canonical architectures."""
        return self._classes.features.take(self._places(archs), axis=0)

    def propose(self, elites: list[Arch], avoid: Set[Arch]) -> Ranked:  # noqa: ARG002
        """Return all classes, those to be avoided marked."""
        classes = self._classes
        free = np.ones(len(classes.archs), dtype=np.bool_)
        free[self._places(list(avoid))] = False
        return Ranked(classes.archs, classes.features, free)

    def _places(self, archs: list[Arch]) -> Ints:
        if not archs:
            return np.empty(0, dtype=np.int64)
        ranks = self._made_of.space.index(np.array(archs, dtype=np.int16))
        return np.searchsorted(self._classes.ranks, ranks)

    @cached_property
    def _classes(self) -> Classes:
        try:
            return _shared_classes(self._made_of)
        except TypeError:  # an encoder with parameters that cannot be compared
            return self._made_of.build()


class AroundTheBest:
    """Mutations of the best architectures evaluated, and random ones.

    Every mutation starts from one of the best themselves, in turn, never from another candidate.
    """

    def __init__(
        self, space: Space, encoder: Any, rng: np.random.Generator, size: int, random_part: float
    ) -> None:
        self._space = space
        self._rng = rng
        self._size = size
        self._random_part = random_part
        self._encoder = encoder.fit(space.sample(max(size, 100), rng))

    def encode(self, archs: list[Arch]) -> Features:
        """Return the features of canonical architectures."""
        return np.asarray(self._encoder.transform(np.array(archs, dtype=np.int16)))

    def propose(self, elites: list[Arch], avoid: Set[Arch]) -> Ranked:
        """Return new classes among the mutations and draws: at most ``size``, maybe none."""
        made = around(self._space, self._rng, elites, self._size, self._random_part)
        new = [row for row in made if row not in avoid]
        archs = np.array(new, dtype=np.int16).reshape(-1, self._space.dimension)
        features = self.encode(new) if new else np.empty((0, 0))
        return Ranked(archs, features, np.ones(len(new), dtype=np.bool_))


def around(
    space: Space, rng: np.random.Generator, elites: list[Arch], size: int, random_part: float
) -> list[Arch]:
    """Return mutations of ``elites``, in turn, and uniform draws, in canonical form and each once.

    Without elites there are only the draws.
    """
    random = round(size * random_part)
    draws = space.sample(random, rng)
    if elites:
        parents = [elites[i % len(elites)] for i in range(size - random)]
        children = [space.mutate(parent, rng) for parent in parents]
        mutated = np.array(children, dtype=np.int16).reshape(-1, space.dimension)
        draws = np.concatenate([mutated, draws])
    return list(dict.fromkeys(map(tuple, space.canonical(draws).tolist())))


def candidates_of(
    space: Space, encoder: Any, rng: np.random.Generator, size: int | None, random_part: float
) -> Candidates:
    """Return the whole space where no size is given and it can be listed, made ones elsewhere."""
    if size is None and _fits(space, encoder):
        return WholeSpace(space, encoder)
    return AroundTheBest(space, encoder, rng, size or _DEFAULT_SIZE, random_part)


def _fits(space: Space, encoder: Any) -> bool:
    """Return whether all rows may be encoded, 1 GiB of features at most."""
    if space.cardinality > WHOLE:
        return False
    few = space.sample(100, np.random.default_rng(0))
    width = encoder.fit(few).transform(few[:1]).shape[1]
    return bool(space.cardinality * width <= _NUMBERS)


class _Key:
    """Space and encoder, compared by what they are made of."""

    def __init__(self, space: Space, encoder: Any) -> None:
        self.space = space
        self.encoder = encoder
        parameters = tuple(sorted(encoder.get_params(deep=False).items()))
        self._parts = (type(space), space.name, space.decisions, type(encoder), parameters)

    def __hash__(self) -> int:
        return hash(self._parts)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and self._parts == other._parts

    def build(self) -> Classes:
        rows = self.space.canonical(self.space.all())
        ranks = np.unique(self.space.index(rows))
        archs = self.space.unrank(ranks)
        return Classes(archs, ranks, _encoded(self.encoder.fit(archs), archs))


def _encoded(encoder: Any, archs: Archs) -> Features:
    """Return features in single precision, made in blocks: trees read no more, memory is halved."""
    blocks = [archs[i : i + _BLOCK] for i in range(0, len(archs), _BLOCK)]
    found = np.asarray(encoder.transform(blocks[0]), dtype=np.float32)
    features = np.empty((len(archs), found.shape[1]), dtype=np.float32)
    for i, block in enumerate(blocks):
        features[i * _BLOCK : i * _BLOCK + len(block)] = encoder.transform(block)
    return features


@lru_cache(maxsize=2)
def _shared_classes(key: _Key) -> Classes:
    return key.build()
