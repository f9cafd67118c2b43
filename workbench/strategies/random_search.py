"""Random search: independent uniform draws, with replacement.

Li and Talwalkar, "Random Search and Reproducibility for Neural Architecture Search", 2019,
arXiv:1902.07638.
"""

from __future__ import annotations

from workbench.strategies._base import Strategy
from workbench.types import Arch, Observation, Task, Trial


class RandomSearch(Strategy):
    """Ask for uniform draws from the space; never ends, and may ask for the same again."""

    _block: list[list[int]]

    def ask(self) -> Trial:
        """Return the next draw."""
        return self._trial(self._draw())

    def tell(self, trial: Trial | Task, observation: Observation) -> None:
        """Ignore the outcome: the draws do not depend on it."""

    def _draw(self) -> Arch:
        if not getattr(self, "_block", None):
            self._block = self.space.sample(256, self.rng).tolist()
        return tuple(self._block.pop())
