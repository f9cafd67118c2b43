"""Random search: independent uniform draws, with replacement.

Li and Talwalkar, "Random Search and Reproducibility for Neural Architecture Search", 2019,
arXiv:1902.07638.
"""

from __future__ import annotations

import numpy as np

from workbench.spaces import Space
from workbench.strategies._base import Strategy
from workbench.types import Observation, Task, Trial

_BLOCK = 256


class RandomSearch(Strategy):
    """Ask for uniform draws from the space; never ends, and may ask for the same again."""

    def __init__(self, space: Space, rng: np.random.Generator) -> None:
        super().__init__(space, rng)
        self._block: list[list[int]] = []

    def ask(self) -> Trial:
        """Return the next draw."""
        if not self._block:
            self._block = self.space.sample(_BLOCK, self.rng).tolist()
        return self._trial(tuple(self._block.pop()))

    def tell(self, trial: Trial | Task, observation: Observation) -> None:
        """Forget the trial: the draws do not depend on the outcome."""
        self._settle(trial, observation)
