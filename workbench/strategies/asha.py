"""ASHA: asynchronous successive halving, which promotes whenever it can and never waits.

Li, Jamieson, Rostamizadeh, Gonina, Ben-tzur, Hardt, Recht and Talwalkar, "A System for Massively
Parallel Hyperparameter Tuning", 2020, arXiv:1810.05934, Algorithm 2.
"""

from __future__ import annotations

import math
from bisect import insort
from collections.abc import Sequence

import numpy as np

from workbench.spaces import Space
from workbench.strategies._rungs import MultiFidelity, Place
from workbench.types import Observation, Task, Trial


class Asha(MultiFidelity):
    """Train on what is among the best 1/eta of its rung and not yet promoted, else start anew.

    Parameters
    ----------
    eta : int >= 2, default 4
        The best one in ``eta`` of a rung are promoted, to ``eta`` times the epochs.
    min_epochs : int >= 1, default 1
        The first rung is not below; the paper's minimum resource and early-stopping rate in one.
    epochs : sequence of int or None, default None
        The epochs at which there are scores; a study takes them from the benchmark, by hand None
        stands for 1, 3, 9, 27, 81.

    Notes
    -----
    Rungs are the full training R, R / eta, R / eta**2 ..., each moved to the nearest epoch that
    there is. Promotions are looked for from the highest rung down; the best comes first, of equal
    scores the one told first. Training goes on where it stopped: only new epochs are charged. A
    failed trial counts in its rung as the worst and is never promoted. A trial never asked for has
    no part in it. Draws are uniform and with replacement.
    """

    def __init__(
        self,
        space: Space,
        rng: np.random.Generator,
        *,
        eta: int = 4,
        min_epochs: int = 1,
        epochs: Sequence[int] | None = None,
    ) -> None:
        super().__init__(space, rng, epochs, min_epochs, eta)
        self._told: list[list[tuple[float, int, Trial]]] = [[] for _ in self.rungs]
        self._promoted: set[int] = set()
        self._rung_of: dict[int, int] = {}
        self._tells = 0

    def ask(self) -> Trial:
        """Return the promotion that is due on the highest rung, or a new draw."""
        place = self._promotion() or Place(0, self._draw())
        assert place.arch is not None
        trial = self._trial(place.arch, self.rungs[place.rung], place.continues)
        self._rung_of[trial.id] = place.rung
        return trial

    def tell(self, trial: Trial | Task, observation: Observation) -> None:
        """Put the trial in its place on its rung, if it was asked for."""
        own, score = self._own(trial, observation)
        if own is not None:
            loss = math.inf if score is None else -score
            insort(self._told[self._rung_of.pop(own.id)], (loss, self._tells, own))
            self._tells += 1

    def _promotion(self) -> Place | None:
        for rung in range(len(self.rungs) - 2, -1, -1):
            told = self._told[rung]
            for loss, _, trial in told[: len(told) // self.eta]:
                if trial.id not in self._promoted and loss < math.inf:
                    self._promoted.add(trial.id)
                    return Place(rung + 1, trial.arch, trial.id)
        return None
