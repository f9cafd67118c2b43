"""Where a predictor looks for the next architectures: the whole space, or made around the best."""

from __future__ import annotations

from collections.abc import Set
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

import numpy as np

from workbench.spaces import Space
from workbench.types import Arch, Archs, Floats

WHOLE = 1 << 17
"""Up to so many rows, all isomorphism classes are candidates."""

_NUMBERS = 1 << 27
_DEFAULT_SIZE = 1000


class Ranked(NamedTuple):
    """Candidates, ``(n, d)`` in canonical form, and their features, ``(n, k)``."""

    archs: Archs
    features: Floats


class Candidates(Protocol):
    """A source of candidates that also encodes what was evaluated."""

    def encode(self, archs: list[Arch]) -> Floats:
        """Return the features of canonical architectures, ``(n, k)``."""

    def propose(self, elites: list[Arch], avoid: Set[Arch]) -> Ranked:
        """Return candidates, none of them in ``avoid``; ``elites`` are the best so far."""


class WholeSpace:
    """One representative of every class, encoded once."""

    def __init__(self, archs: Archs, features: Floats) -> None:
        self._archs = archs
        self._features = features
        self._place = {tuple(row): i for i, row in enumerate(archs.tolist())}

    def encode(self, archs: list[Arch]) -> Floats:
        """Return the features of canonical architectures."""
        return self._features[[self._place[arch] for arch in archs]]

    def propose(self, elites: list[Arch], avoid: Set[Arch]) -> Ranked:  # noqa: ARG002
        """Return all that is not to be avoided."""
        keep = np.ones(len(self._archs), dtype=np.bool_)
        keep[[self._place[arch] for arch in avoid]] = False
        return Ranked(self._archs[keep], self._features[keep])


class AroundTheBest:
    """Mutations of the best architectures evaluated, and random ones.

    Every mutation starts from one of the best themselves, in turn, never from another candidate.
    """

    def __init__(
        self, space: Space, encoder: Any, rng: np.random.Generator, size: int, random_part: float
    ) -> None:
        self._space = space
        self._rng = rng
        self._random = round(size * random_part)
        self._mutated = size - self._random
        self._encoder = encoder.fit(space.sample(max(size, 100), rng))

    def encode(self, archs: list[Arch]) -> Floats:
        """Return the features of canonical architectures."""
        return np.asarray(self._encoder.transform(np.array(archs, dtype=np.int16)))

    def propose(self, elites: list[Arch], avoid: Set[Arch]) -> Ranked:
        """Return new classes among the mutations and draws: at most ``size``, maybe none."""
        draws = self._space.sample(self._random, self._rng)
        if elites:
            parents = [elites[i % len(elites)] for i in range(self._mutated)]
            children = [self._space.mutate(parent, self._rng) for parent in parents]
            mutated = np.array(children, dtype=np.int16).reshape(-1, self._space.dimension)
            draws = np.concatenate([mutated, draws])
        rows = map(tuple, self._space.canonical(draws).tolist())
        new = [row for row in dict.fromkeys(rows) if row not in avoid]
        archs = np.array(new, dtype=np.int16).reshape(-1, self._space.dimension)
        return Ranked(archs, self.encode(new) if new else np.empty((0, 0)))


def candidates_of(
    space: Space, encoder: Any, rng: np.random.Generator, size: int | None, random_part: float
) -> Candidates:
    """Return the whole space where no size is given and it can be listed, made ones elsewhere."""
    if size is None and _fits(space, encoder):
        return whole_space(space, encoder)
    return AroundTheBest(space, encoder, rng, size or _DEFAULT_SIZE, random_part)


def _fits(space: Space, encoder: Any) -> bool:
    """Return whether all rows may be encoded, 1 GiB of features at most."""
    if space.cardinality > WHOLE:
        return False
    few = space.sample(100, np.random.default_rng(0))
    width = encoder.fit(few).transform(few[:1]).shape[1]
    return bool(space.cardinality * width <= _NUMBERS)


def whole_space(space: Space, encoder: Any) -> WholeSpace:
    """Return the classes of a space under an encoding, kept for the next run in this process."""
    try:
        return _whole_space(_Key(space, encoder))
    except TypeError:
        return _Key(space, encoder).build()


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

    def build(self) -> WholeSpace:
        rows = self.space.canonical(self.space.all())
        archs = self.space.unrank(np.unique(self.space.index(rows)))
        return WholeSpace(archs, np.asarray(self.encoder.fit(archs).transform(archs)))


@lru_cache(maxsize=4)
def _whole_space(key: _Key) -> WholeSpace:
    return key.build()
