"""A search strategy of one's own, in one file: `workbench check examples/greedy.py`."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from workbench import Observation, Space, Strategy, Trial
from workbench.strategies._base import check_number
from workbench.types import Arch, Task


class Greedy(Strategy):
    """Mutate the best architecture seen so far; now and then, start somewhere else.

    Parameters
    ----------
    restarts : float in [0, 1], default .1
        Chance of a uniform draw instead of a mutation.
    """

    REPEATS: ClassVar[bool] = True

    def __init__(self, space: Space, rng: np.random.Generator, *, restarts: float = 0.1) -> None:
        super().__init__(space, rng)
        self.restarts = check_number(self, "restarts", restarts, 0, 1)
        self.best: tuple[float, Arch] | None = None

    def ask(self) -> Trial:
        """Return a mutation of the best, or a draw."""
        if self.best is None or self.rng.random() < self.restarts:
            return self._trial(tuple(self.space.sample(1, self.rng)[0].tolist()))
        return self._trial(self.space.mutate(self.best[1], self.rng))

    def tell(self, trial: Trial | Task, observation: Observation) -> None:
        """Keep the better of the best and this one."""
        if isinstance(trial, Trial) and observation.score is not None:
            found = (observation.score, trial.arch)
            self.best = found if self.best is None else max(self.best, found)
