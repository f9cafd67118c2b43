"""DEHB: Hyperband over populations that evolve, each rung's from the best of the rung below.

Awad, Mallik and Hutter, "DEHB: Evolutionary Hyperband for Scalable, Robust and Efficient
Hyperparameter Optimization", 2021, arXiv:2105.09821.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from workbench.spaces import Space
from workbench.strategies._base import check_number
from workbench.strategies._differential import (
    Population,
    archs_of,
    mutants,
    offspring,
    vectors_of,
)
from workbench.strategies._rungs import Bracket, Brackets, Place, hyperband_bracket
from workbench.types import Floats, Trial

_PARENTS = 3
_TRIES = 100


class Dehb(Brackets):
    """Hyperband's brackets, whose places are filled by differential evolution, a population a rung.

    Parameters
    ----------
    eta, min_epochs, epochs
        As of ``hyperband``.
    mutation_factor : float in [0, 2], default .5
        Weight of the difference of two parents that is added to a third.
    crossover_prob : float in [0, 1], default .5
        Chance that a decision comes from the mutant rather than from the individual it challenges.

    Notes
    -----
    Individuals are points of the unit cube, cut into equal parts for the values of each decision. A
    population is as large as the largest size that Hyperband gives its rung. In the first cycle
    brackets are plain successive halving: what is promoted goes on training and challenges an
    individual of the higher population; on a bracket's first rung, individuals not yet evaluated
    are taken as they are. From then on every place is a new child, trained from the beginning up
    to its rung: mutated from the best of the rung below, as many as the rung has places (on the
    first rung of a bracket, of its own population), crossed with the individual it challenges, and
    in its place if at least as good. Fewer than three parents are filled up with mutants of all
    populations. Waiting is as of ``hyperband``. A failed trial takes nobody's place. A child that
    breaks a constraint is made again, 100 times, then drawn. A trial never asked for has no part
    in it.
    """

    def __init__(
        self,
        space: Space,
        rng: np.random.Generator,
        *,
        eta: int = 3,
        min_epochs: int = 1,
        mutation_factor: float = 0.5,
        crossover_prob: float = 0.5,
        epochs: Sequence[int] | None = None,
    ) -> None:
        super().__init__(space, rng, epochs, min_epochs, eta)
        self.mutation_factor = check_number(self, "mutation_factor", mutation_factor, 0, 2)
        self.crossover_prob = check_number(self, "crossover_prob", crossover_prob, 0, 1)
        count = len(self.rungs)
        cycle = [hyperband_bracket(count, self.eta, number) for number in range(count)]
        held = [dict(zip(bracket.rungs, bracket.sizes, strict=True)) for bracket in cycle]
        sizes = [max(sizes.get(rung, 0) for sizes in held) for rung in range(count)]
        self.populations = [Population(space, rng, size) for size in sizes]
        self._challenges: dict[int, _Challenge] = {}

    def bracket(self, number: int) -> Bracket:
        """Return the next bracket of the cycle; after the first cycle, one that only evolves."""
        halving = hyperband_bracket(len(self.rungs), self.eta, number)
        first = number < len(self.rungs)
        return halving if first else _Evolving(halving.rungs, halving.sizes)

    def _learn(self, trial: Trial, score: float | None) -> None:
        rung, target, vector = self._challenges[trial.id]
        self.populations[rung].select(target, vector, score)

    def _fill(self, place: Place, bracket: Bracket) -> Trial:
        population = self.populations[place.rung]
        target = population.target()
        fresh = not isinstance(bracket, _Evolving) and population.scores[target] == -np.inf
        if place.continues is not None:
            vector = self._challenges[place.continues].vector
        elif fresh:
            vector = population.vectors[target].copy()
        else:
            vector = self._child(place.rung, target, bracket)
        arch = tuple(archs_of(self.space, vector[None])[0].tolist())
        trial = self._trial(arch, self.rungs[place.rung], place.continues)
        self._challenges[trial.id] = _Challenge(place.rung, target, vector)
        return trial

    def _child(self, rung: int, target: int, bracket: Bracket) -> Floats:
        """Return a child that keeps the constraints, or a draw where none is found."""
        pool = self._parents(rung, bracket)
        challenged = self.populations[rung].vectors[target]
        for _ in range(_TRIES):
            mutant = mutants(pool, 1, self.mutation_factor, self.rng)[0]
            child = offspring(challenged, mutant, self.crossover_prob, self.rng)
            if self.space.plain or self.space.valid(archs_of(self.space, child[None]))[0]:
                return child
        drawn = vectors_of(self.space, self.space.sample(1, self.rng), self.rng)
        return np.asarray(drawn[0])

    def _parents(self, rung: int, bracket: Bracket) -> Floats:
        """Return the best of the rung below, of at least three."""
        below = max(rung - 1, bracket.rungs[0])
        places = bracket.sizes[bracket.rungs.index(rung)]
        pool = self.populations[below].best(places)
        if len(pool) >= _PARENTS:
            return pool
        everybody = np.concatenate([population.vectors for population in self.populations])
        missing = _PARENTS + 1 - len(pool)
        fill = mutants(everybody, missing, self.mutation_factor, self.rng)
        return np.asarray(np.concatenate([pool, fill]))


class _Evolving(Bracket):
    """A bracket whose rungs, one after another, are all places for new children."""

    def _promote(self) -> None:
        self._round += 1
        self.done = self._round == len(self.rungs)
        if not self.done:
            self._open = [Place(self.rungs[self._round])] * self.sizes[self._round]


class _Challenge(NamedTuple):
    rung: int
    target: int
    vector: Floats
