"""Regularised (ageing) evolution: tournament selection, mutation, and the oldest dies.

Real, Aggarwal, Huang and Le, "Regularized Evolution for Image Classifier Architecture Search",
2018, arXiv:1802.01548. The preset is that of Dong, Liu, Musial and Gabrys, "NATS-Bench:
Benchmarking NAS Algorithms for Architecture Topology and Size", 2020, arXiv:2009.00437.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from workbench.spaces import Space
from workbench.strategies._base import Strategy, check_integer, parameter_error
from workbench.types import Arch, Observation, Task, Trial

_BLOCK = 64


class RegularizedEvolution(Strategy):
    """Mutate the best of a random sample of the population; each newcomer replaces the oldest.

    Parameters
    ----------
    population : int, default 100
        Number of members alive, at least 1.
    sample : int, default 25
        Number of members drawn, with replacement, for each tournament; at most ``population``.

    Notes
    -----
    A member is born when it is told, so age is the order of tells, and the one told first dies
    first. Random architectures are asked for until members and pending trials together fill the
    population; while some are pending, tournaments are held among the members there are. A failed
    trial never becomes a member. The first drawn of equally good members wins.
    """

    PRESETS: ClassVar[dict[str, dict[str, Any]]] = {
        "paper": {"population": 100, "sample": 25},
        "nats_bench": {"population": 10, "sample": 3},
    }

    def __init__(
        self,
        space: Space,
        rng: np.random.Generator,
        *,
        population: int = 100,
        sample: int = 25,
    ) -> None:
        super().__init__(space, rng)
        self.population = check_integer(self, "population", population, 1)
        self.sample = check_integer(self, "sample", sample, 1)
        if self.sample > self.population:
            must_be = f"at most the population ({self.population})"
            raise parameter_error(self, "sample", must_be, sample)
        self._archs: list[Arch] = []
        self._scores: list[float] = []
        self._births = 0
        self._randoms: list[list[int]] = []

    def ask(self) -> Trial:
        """Return a random architecture while the population fills, then the child of a winner."""
        if not self._archs or len(self._archs) + len(self._pending) < self.population:
            return self._trial(self._random())
        picks = self.rng.integers(len(self._archs), size=self.sample).tolist()
        winner = max(picks, key=self._scores.__getitem__)
        return self._trial(self.space.mutate(self._archs[winner], self.rng))

    def tell(self, trial: Trial | Task, observation: Observation) -> None:
        """Let the trial join the population, in the place of the oldest member if it is full."""
        arch, score = self._settle(trial, observation)
        if score is None:
            return
        if len(self._archs) < self.population:
            self._archs.append(arch)
            self._scores.append(score)
        else:
            oldest = self._births % self.population
            self._archs[oldest] = arch
            self._scores[oldest] = score
        self._births += 1

    def _random(self) -> Arch:
        if not self._randoms:
            self._randoms = self.space.sample(min(_BLOCK, self.population), self.rng).tolist()
        return tuple(self._randoms.pop())
