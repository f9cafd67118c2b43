"""BOHB: Hyperband whose newcomers are drawn where good ones are denser than bad ones.

Falkner, Klein and Hutter, "BOHB: Robust and Efficient Hyperparameter Optimization at Scale", 2018,
arXiv:1807.01774.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from workbench.spaces import Space
from workbench.strategies._base import check_integer, check_number
from workbench.strategies._density import Density
from workbench.strategies._rungs import Bracket, Brackets, hyperband_bracket
from workbench.types import Arch, Archs, Observation, Task, Trial

_SMALLEST = 1e-32


class Bohb(Brackets):
    """Hyperband's brackets, filled from kernel densities of good and of bad architectures.

    Parameters
    ----------
    eta, min_epochs, epochs
        As of ``hyperband``.
    random_fraction : float in [0, 1], default 1/3
        Chance that a newcomer is a uniform draw.
    top_n_percent : int from 1 to 99, default 15
        The part of a rung that counts as good.
    num_samples : int >= 1, default 64
        Draws near the good ones, of which the best by the ratio of densities is asked for.
    bandwidth_factor : float > 0, default 3
        By how much the kernels of ordered decisions are widened for these draws.
    min_bandwidth : float > 0, default 1e-3
        No kernel is narrower, even where all good ones agree.

    Notes
    -----
    The densities are of the highest rung with enough results: more good ones and more bad ones
    than the space has decisions. Brackets, waiting and continued training are as of
    ``hyperband``. As in the published code, failed trials count as bad, ordered decisions are
    numbers in [0, 1] with a normal kernel, and categorical ones have Aitchison and Aitken's. The
    densities see every decision, active or not; draws that break a constraint are passed over. A
    trial never asked for teaches the densities where its epochs are those of a rung (None: of the
    last).
    """

    def __init__(
        self,
        space: Space,
        rng: np.random.Generator,
        *,
        eta: int = 3,
        min_epochs: int = 1,
        random_fraction: float = 1 / 3,
        top_n_percent: int = 15,
        num_samples: int = 64,
        bandwidth_factor: float = 3,
        min_bandwidth: float = 1e-3,
        epochs: Sequence[int] | None = None,
    ) -> None:
        super().__init__(space, rng, epochs, min_epochs, eta)
        self.random_fraction = check_number(self, "random_fraction", random_fraction, 0, 1)
        percent = check_integer(self, "top_n_percent", top_n_percent, 1)
        self.top_n_percent = int(check_number(self, "top_n_percent", percent, 1, 99))
        self.num_samples = check_integer(self, "num_samples", num_samples, 1)
        self.bandwidth_factor = check_number(self, "bandwidth_factor", bandwidth_factor, 1e-9)
        self.min_bandwidth = check_number(self, "min_bandwidth", min_bandwidth, 1e-9)
        self._known: list[list[tuple[float, Arch]]] = [[] for _ in self.rungs]
        self._densities: tuple[Density, Density] | None = None
        self._stale = False

    def bracket(self, number: int) -> Bracket:
        """Return the next bracket of the cycle, as of Hyperband."""
        return hyperband_bracket(len(self.rungs), self.eta, number)

    def tell(self, trial: Trial | Task, observation: Observation) -> None:
        """Let the trial's bracket go on, and learn from the result."""
        super().tell(trial, observation)
        assert isinstance(trial, Trial)
        epochs = observation.epochs or trial.epochs or self.rungs[-1]
        if epochs in self.rungs:
            score = observation.score
            known = score is not None and math.isfinite(score)
            loss = -score if known and score is not None else math.inf
            self._known[self.rungs.index(epochs)].append((loss, trial.arch))
            self._stale = True

    def split(self) -> tuple[Archs, Archs] | None:
        """Return the good and the bad of the highest rung that has enough; None: none has."""
        least = self.space.dimension + 1
        for known in reversed(self._known):
            good = max(least, self.top_n_percent * len(known) // 100)
            bad = max(least, (100 - self.top_n_percent) * len(known) // 100)
            if len(known) >= good + least:
                ordered = sorted(known, key=lambda told: told[0])
                rows = np.array([arch for _, arch in ordered], dtype=np.int16)
                return rows[:good], rows[good : good + bad]
        return None

    def _start(self) -> Arch:
        if self._stale:
            split, self._stale = self.split(), False
            if split is not None:
                good, bad = (Density(self.space, rows, self.min_bandwidth) for rows in split)
                self._densities = good, bad
        if self._densities is None or self.rng.random() < self.random_fraction:
            return self._draw()
        return self._promising(*self._densities)

    def _promising(self, good: Density, bad: Density) -> Arch:
        """Return the draw near good ones whose ratio of densities is highest, the first of them."""
        rows = good.draw(self.num_samples, self.bandwidth_factor, self.rng)
        if not self.space.plain:
            rows = self.space.normalise(rows)
            rows = rows[self.space.valid(rows)]
        if not len(rows):
            return self._draw()
        ratio = np.maximum(good.at(rows), _SMALLEST) / np.maximum(bad.at(rows), _SMALLEST)
        return tuple(rows[int(ratio.argmax())].tolist())
