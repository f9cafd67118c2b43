"""Successive halving: train many a little, go on with the best, until one is trained in full.

Jamieson and Talwalkar, "Non-stochastic Best Arm Identification and Hyperparameter Optimization",
2015, arXiv:1502.07943.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from workbench.spaces import Space
from workbench.strategies._rungs import Bracket, Brackets, hyperband_bracket


class SuccessiveHalving(Brackets):
    """Repeat: draw architectures, compare after a few epochs, train the best 1/eta on.

    Parameters
    ----------
    eta : int >= 2, default 2
        One in ``eta`` goes on to ``eta`` times the epochs; the paper halves.
    min_epochs : int >= 1, default 1
        The first rung is not below. It decides how many start: ``eta`` to the power of the number
        of rungs, less one, so that one is trained in full.
    epochs : sequence of int or None, default None
        The epochs at which there are scores; a study takes them from the benchmark, by hand None
        stands for 1, 3, 9, 27, 81.

    Notes
    -----
    Rungs are the full training R, R / eta, R / eta**2 ..., each moved to the nearest epoch that
    there is; every rung costs about the same number of epochs. Training goes on where it stopped:
    only new epochs are charged. A rung is compared when all of it was told; workers that would
    wait begin the next round of halving beside it. Failed trials are never promoted. A trial
    never asked for has no part in it. Draws are uniform and with replacement.
    """

    def __init__(
        self,
        space: Space,
        rng: np.random.Generator,
        *,
        eta: int = 2,
        min_epochs: int = 1,
        epochs: Sequence[int] | None = None,
    ) -> None:
        super().__init__(space, rng, epochs, min_epochs, eta)

    def bracket(self, number: int) -> Bracket:  # noqa: ARG002 - all alike
        """Return a round of halving through all rungs."""
        return hyperband_bracket(len(self.rungs), self.eta, 0)
