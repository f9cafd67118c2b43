"""Random search without replacement: each isomorphism class once.

The baseline of Li and Talwalkar, "Random Search and Reproducibility for Neural Architecture
Search", 2019, arXiv:1902.07638, without its repeats.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from workbench.spaces import Space
from workbench.strategies._base import Strategy
from workbench.strategies._distinct import DistinctDraws
from workbench.types import Observation, Task, Trial


class RandomDistinct(Strategy):
    """Draw rows uniformly and skip those isomorphic to an earlier one; end when none is left.

    A class is hence met early in proportion to its size, by a uniform member of it. Architectures
    told of but never asked for count as drawn.
    """

    REPEATS: ClassVar[bool] = False

    def __init__(self, space: Space, rng: np.random.Generator) -> None:
        super().__init__(space, rng)
        self._draws = DistinctDraws(space, rng, space.canonical)

    def ask(self) -> Trial | None:
        """Return the next draw; None once every class was drawn."""
        arch = self._draws.draw()
        return None if arch is None else self._trial(arch)

    def tell(self, trial: Trial | Task, observation: Observation) -> None:
        """Count the class as drawn; the draws do not depend on the outcome."""
        arch, _ = self._settle(trial, observation)
        self._draws.see(arch)
