"""Differential evolution over architectures: individuals are points of the unit cube.

Storn and Price, "Differential Evolution: A Simple and Efficient Heuristic for Global Optimization
over Continuous Spaces", 1997: rand/1 mutation, binomial crossover.
"""

from __future__ import annotations

import math

import numpy as np

from workbench.spaces import Space
from workbench.types import Archs, Floats


class Population:
    """Individuals, ``vectors`` of shape (n, d) in [0, 1), with the best score known of each.

    ``scores`` are -inf of those not evaluated yet. ``target`` goes round: the next one to be
    challenged.
    """

    def __init__(self, space: Space, rng: np.random.Generator, size: int) -> None:
        self.vectors = vectors_of(space, space.sample(size, rng), rng)
        self.scores = np.full(size, -math.inf)
        self._next = 0

    def target(self) -> int:
        """Return the next individual to be challenged."""
        target = self._next
        self._next = (target + 1) % len(self.scores)
        return target

    def best(self, count: int) -> Floats:
        """Return the best individuals, ``(count, d)`` or all there are; of equals, the first."""
        return np.asarray(self.vectors[np.argsort(-self.scores, kind="stable")[:count]])

    def select(self, target: int, vector: Floats, score: float | None) -> None:
        """Let a challenger that is at least as good take the place of an individual."""
        if score is not None and score >= self.scores[target]:
            self.vectors[target] = vector
            self.scores[target] = score


def mutants(pool: Floats, count: int, factor: float, rng: np.random.Generator) -> Floats:
    """Return ``a + factor * (b - c)`` of distinct members of a pool, ``(count, d)``."""
    picks = [rng.choice(len(pool), size=3, replace=False) for _ in range(count)]
    a, b, c = pool[np.array(picks, dtype=np.int64).reshape(count, 3).T]
    return np.asarray(a + factor * (b - c))


def offspring(target: Floats, mutant: Floats, chance: float, rng: np.random.Generator) -> Floats:
    """Return a target with each number from the mutant at a chance, and one of them always.

    Numbers that left [0, 1) are drawn anew.
    """
    taken = rng.random(len(target)) < chance
    taken[rng.integers(len(target))] |= not taken.any()
    child = np.where(taken, mutant, target)
    fresh = rng.random(len(child))
    return np.asarray(np.where((child >= 0) & (child < 1), child, fresh))


def archs_of(space: Space, vectors: Floats) -> Archs:
    """Return the rows of a space in whose bins vectors lie, (n, d), which may break constraints."""
    radices = np.array(space.radices)
    # Just below 1 the product may be rounded up to the number of bins.
    return space.normalise(np.minimum(vectors * radices, radices - 1).astype(np.int16))


def vectors_of(space: Space, archs: Archs, rng: np.random.Generator) -> Floats:
    """Return a random point of each architecture's bins, ``(n, d)``."""
    return np.asarray((archs + rng.random(archs.shape)) / np.array(space.radices))
