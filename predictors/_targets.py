"""Targets as a predictor sees them, and the way back to their own unit."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from scipy.special import ndtri
from scipy.stats import rankdata

from workbench.types import Floats

Transform = Literal["none", "rank", "quantile"]
_HUGE = 1e150
TRANSFORMS = (None, "none", "rank", "quantile")
"""``"none"`` is None where a file cannot say it, as in TOML."""


class Targets(NamedTuple):
    """A strictly rising, piecewise linear map between targets and what a predictor is fitted to.

    ``own`` and ``seen`` are its knots, ``(m,)`` each; beyond them it goes on with the mean slope,
    so that no two predictions become equal on the way back.
    """

    own: Floats
    seen: Floats

    @classmethod
    def of(cls, y: Floats, transform: Transform | None) -> Targets:
        """Return the map of training targets ``(n,)``: seen with mean 0 and deviation 1.

        ``rank`` makes them uniform and ``quantile`` normal, by mean ranks (Blom's formula); None
        only shifts and scales. Constant targets are seen as 0, and whatever is seen is mapped back
        to their value.

        Raises
        ------
        ValueError
            The targets are so large or so close that their deviation is no number.
        """
        own, place = np.unique(y, return_inverse=True)
        if len(own) == 1:
            return cls(np.repeat(own, 2), np.array([0.0, 1.0]))
        with np.errstate(over="ignore", invalid="ignore"):
            shift, scale = float(y.mean()), float(y.std())
        if not (0 < scale < _HUGE):
            raise ValueError(
                f"targets from {own[0]:g} to {own[-1]:g} are beyond what floating-point numbers"
                " can be squared in; rescale them"
            )
        if transform in (None, "none"):
            return cls(np.array([shift, shift + scale]), np.array([0.0, 1.0]))
        ranks = rankdata(y)
        seen = (ranks - 0.375) / (len(y) + 0.25)
        if transform == "quantile":
            seen = ndtri(seen)
        seen = (seen - seen.mean()) / seen.std()
        knots = np.empty(len(own))
        knots[place] = seen
        return cls(own, knots)

    def see(self, y: Floats) -> Floats:
        """Return targets as a predictor sees them."""
        if self.own[0] == self.own[-1]:
            return np.zeros(len(y))
        return _along(y, self.own, self.seen)

    def back(self, seen: Floats) -> Floats:
        """Return predictions in the unit of the targets."""
        return _along(seen, self.seen, self.own)

    def spread_back(self, mean: Floats, std: Floats) -> Floats:
        """Return deviations in the unit of the targets: half of what ``mean +- std`` spans."""
        if len(self.own) == 2:
            return np.asarray(std * (self.own[1] - self.own[0]) / (self.seen[1] - self.seen[0]))
        return (self.back(mean + std) - self.back(mean - std)) / 2


def _along(x: Floats, start: Floats, end: Floats) -> Floats:
    slope = (end[-1] - end[0]) / (start[-1] - start[0])
    below, above = np.minimum(x - start[0], 0), np.maximum(x - start[-1], 0)
    if len(start) == 2:
        return np.asarray(end[0] + slope * (x - start[0]))
    return np.asarray(np.interp(x, start, end) + slope * (below + above))
