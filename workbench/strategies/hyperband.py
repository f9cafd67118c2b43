"""Hyperband: successive halving from several first rungs in turn, from the boldest to none at all.

Li, Jamieson, DeSalvo, Rostamizadeh and Talwalkar, "Hyperband: A Novel Bandit-Based Approach to
Hyperparameter Optimization", 2018, arXiv:1603.06560.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from workbench.spaces import Space
from workbench.strategies._rungs import Bracket, Brackets, hyperband_bracket


class Hyperband(Brackets):
    """Cycle through brackets: many trained a little first, a few trained in full last.

    Parameters
    ----------
    eta : int >= 2, default 3
        One in ``eta`` goes on to ``eta`` times the epochs.
    min_epochs : int >= 1, default 1
        The first rung of the boldest bracket is not below.
    epochs : sequence of int or None, default None
        The epochs at which there are scores; a study takes them from the benchmark, by hand None
        stands for 1, 3, 9, 27, 81.

    Notes
    -----
    Rungs are the full training R, R / eta, R / eta**2 ..., each moved to the nearest epoch that
    there is. With k rungs, the bracket that goes through s + 1 of them starts
    floor(k / (s + 1)) * eta**s, and every rung keeps one in eta. At R = 81 and eta = 3 that is the
    paper's Table 1: 81, 27, 9, 6 and 5. Its Algorithm 1, with k = floor(log_eta R) + 1, starts
    ceil(k * eta**s / (s + 1)), which is 81, 34, 15, 8 and 5. A benchmark with other epochs has
    other rungs, perhaps fewer, and so other brackets.

    Training goes on where it stopped: only new epochs are charged. A rung is compared when all of
    it was told; workers that would wait begin the next bracket beside it, and answers are given to
    the oldest first. Failed trials are never promoted. A trial never asked for has no part in it.
    Draws are uniform and with replacement.
    """

    def __init__(
        self,
        space: Space,
        rng: np.random.Generator,
        *,
        eta: int = 3,
        min_epochs: int = 1,
        epochs: Sequence[int] | None = None,
    ) -> None:
        super().__init__(space, rng, epochs, min_epochs, eta)

    def bracket(self, number: int) -> Bracket:
        """Return the next bracket of the cycle."""
        return hyperband_bracket(len(self.rungs), self.eta, number)
