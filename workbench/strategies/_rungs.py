"""Rungs: the epochs at which trainings are compared, and those that halving in rounds goes through.

All strategies of several fidelities share them: what is on a rung was trained up to its epochs, and
the best of a rung go on to the next one.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from workbench.spaces import Space
from workbench.strategies._base import Strategy, check_integer, parameter_error
from workbench.types import Arch, Observation, Task, Trial

BY_HAND = (1, 3, 9, 27, 81)
"""Epochs of a strategy that nobody told which there are."""

_BLOCK = 64


class Place(NamedTuple):
    """Where the next trial of a strategy stands: on which rung, and what it continues if any."""

    rung: int
    arch: Arch | None = None
    continues: int | None = None


class MultiFidelity(Strategy):
    """A strategy that trains many a little and few in full.

    Attributes
    ----------
    rungs : tuple of int
        Epochs of each rung, ascending; the last one is the full training.
    """

    def __init__(
        self,
        space: Space,
        rng: np.random.Generator,
        epochs: Sequence[int] | None,
        min_epochs: int,
        eta: int,
    ) -> None:
        super().__init__(space, rng)
        self.eta = check_integer(self, "eta", eta, 2)
        self.min_epochs = check_integer(self, "min_epochs", min_epochs, 1)
        self.rungs = rungs(self, check_epochs(self, epochs), self.min_epochs, self.eta)
        self._draws: list[list[int]] = []

    def _draw(self) -> Arch:
        """Return a uniform draw from the space."""
        if not self._draws:
            self._draws = self.space.sample(_BLOCK, self.rng).tolist()
        return tuple(self._draws.pop())

    def _own(
        self, trial: Trial | Task, observation: Observation
    ) -> tuple[Trial | None, float | None]:
        """Settle a trial; return it, None if it was never asked for, and its finite score."""
        asked = isinstance(trial, Trial) and self._pending.get(trial.id) == trial.arch
        _, score = self._settle(trial, observation)
        return (trial if asked and isinstance(trial, Trial) else None), score


class Bracket:
    """Successive halving of one group: rungs of given sizes, each the best of the one before.

    Parameters
    ----------
    rungs : sequence of int
        Positions of the rungs it goes through, ascending.
    sizes : sequence of int
        How many trainings reach each.

    Notes
    -----
    A rung is left when all its trials were told. Failed ones are never promoted: where fewer than
    the next rung's size are left, fewer go on, and where none are, the bracket ends.
    """

    def __init__(self, rungs: Sequence[int], sizes: Sequence[int]) -> None:
        self.rungs = tuple(rungs)
        self.sizes = tuple(sizes)
        self.done = False
        self._round = 0
        self._open = [Place(self.rungs[0])] * self.sizes[0]
        self._waiting = 0
        self._told: list[tuple[float, Trial]] = []

    def next(self) -> Place | None:
        """Return what is to be trained next; None while results are awaited, or at the end."""
        if not self._open:
            return None
        self._waiting += 1
        return self._open.pop()

    def told(self, trial: Trial, score: float | None) -> None:
        """Take in the result of a trial that stands on the current rung."""
        self._waiting -= 1
        if score is not None:
            self._told.append((score, trial))
        if not self._open and not self._waiting:
            self._promote()

    def _promote(self) -> None:
        self._round += 1
        if self._round == len(self.rungs) or not self._told:
            self.done = True
            return
        # Sorting is stable: of equal scores, the one told first is ahead.
        best = sorted(self._told, key=lambda told: -told[0])[: self.sizes[self._round]]
        rung = self.rungs[self._round]
        self._open = [Place(rung, trial.arch, trial.id) for _, trial in reversed(best)]
        self._told = []


class Brackets(MultiFidelity):
    """A strategy that runs one bracket after another, and the next one beside those that wait."""

    def __init__(
        self,
        space: Space,
        rng: np.random.Generator,
        epochs: Sequence[int] | None,
        min_epochs: int,
        eta: int,
    ) -> None:
        super().__init__(space, rng, epochs, min_epochs, eta)
        self._brackets: list[Bracket] = []
        self._opened = 0
        self._bracket_of: dict[int, Bracket] = {}

    @abstractmethod
    def bracket(self, number: int) -> Bracket:
        """Return a new bracket, the one opened after ``number`` others."""

    def ask(self) -> Trial:
        """Return what the oldest bracket has to ask for; open another where all wait."""
        bracket, place = self._next_place()
        trial = self._fill(place, bracket)
        self._bracket_of[trial.id] = bracket
        return trial

    def tell(self, trial: Trial | Task, observation: Observation) -> None:
        """Let the trial's bracket go on, if the trial was asked for."""
        own, score = self._own(trial, observation)
        if own is not None:
            self._learn(own, score)
            bracket = self._bracket_of.pop(own.id)
            bracket.told(own, score)
            if bracket.done:
                self._brackets.remove(bracket)

    def _fill(self, place: Place, bracket: Bracket) -> Trial:  # noqa: ARG002 - all alike here
        """Return the trial that takes a place in a bracket."""
        arch = self._start() if place.arch is None else place.arch
        return self._trial(arch, self.rungs[place.rung], place.continues)

    def _learn(self, trial: Trial, score: float | None) -> None:
        """Take in what a trial of its own came to, beside what its bracket makes of it."""

    def _start(self) -> Arch:
        """Return an architecture that is trained from the beginning."""
        return self._draw()

    def _next_place(self) -> tuple[Bracket, Place]:
        for bracket in self._brackets:
            if (place := bracket.next()) is not None:
                return bracket, place
        self._brackets.append(self.bracket(self._opened))
        self._opened += 1
        return self._next_place()


def hyperband_bracket(count: int, eta: int, number: int) -> Bracket:
    """Return Hyperband's bracket of a number, which cycles from the most rungs to one.

    Sizes are those of the paper's Table 1, ``floor(count / (s + 1)) * eta**s`` on the first of
    ``s + 1`` rungs; its Algorithm 1 would give ``ceil(count * eta**s / (s + 1))``, as many or more.
    """
    s = count - 1 - number % count
    first = count // (s + 1) * eta**s
    return Bracket(range(count - 1 - s, count), [first // eta**i for i in range(s + 1)])


def rungs(owner: object, epochs: tuple[int, ...], min_epochs: int, eta: int) -> tuple[int, ...]:
    """Return the epochs of the rungs, ascending.

    They are the full training R, R / eta, R / eta**2 ... down to ``min_epochs``, each moved to the
    epoch that there is and that is nearest in ratio.

    Raises
    ------
    ParameterError
        There is one rung only, so that nothing could be stopped early.
    """
    last, found, power = epochs[-1], {epochs[-1]}, 1
    known = [epoch for epoch in epochs if epoch >= min_epochs]
    while known and min_epochs * eta**power <= last:
        wanted = last / eta**power
        found.add(min(known, key=lambda epoch: abs(math.log(epoch / wanted))))
        power += 1
    if len(found) > 1:
        return tuple(sorted(found))
    if last < eta:
        short = f"at most {last}, the epochs of a full training, for a rung below it"
        raise parameter_error(owner, "eta", short, eta)
    must_be = (
        f"low enough for a rung below {last} epochs, the full training: at most {last} / eta"
        f" = {last / eta:g}, and no more than an epoch of the benchmark below {last}"
    )
    raise parameter_error(owner, "min_epochs", must_be, min_epochs)


def check_epochs(owner: object, epochs: Sequence[int] | None) -> tuple[int, ...]:
    """Return rising epochs as a tuple; those for use by hand if None.

    Raises
    ------
    ParameterError
        They are not two or more positive integers that rise.
    """
    if epochs is None:
        return BY_HAND
    if isinstance(epochs, (list, tuple)) and len(epochs) > 1:
        if all(type(e) is int and e >= 1 for e in epochs) and all(
            a < b for a, b in pairwise(epochs)
        ):
            return tuple(epochs)
    raise parameter_error(owner, "epochs", "None or two or more integers >= 1 that rise", epochs)
