"""Two spaces that no benchmark has, to show that the contract carries them."""

from __future__ import annotations

import numpy as np

from workbench.spaces import Space
from workbench.types import Archs, Decision, Mask


class Variable(Space):
    """One to three layers: those beyond the depth are inactive; deeper nets need some ``b``."""

    def __init__(self) -> None:
        layers = [Decision(f"layer{i}", ("a", "b")) for i in (1, 2, 3)]
        super().__init__("variable", [Decision("depth", (1, 2, 3), "ordered"), *layers])

    def active(self, archs: Archs) -> Mask:
        """Return the depth, and as many layers as it says."""
        layers = np.arange(3) <= archs[:, :1]
        return np.concatenate([np.ones((len(archs), 1), dtype=np.bool_), layers], axis=1)

    def _feasible(self, archs: Archs) -> Mask:
        return np.asarray((archs[:, 0] == 0) | (archs[:, 1:] == 1).any(axis=1))


HUGE = Space("huge", [Decision(f"d{i}", tuple("abcd")) for i in range(70)])
