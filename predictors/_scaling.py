"""Features of mean 0 and deviation 1."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from workbench.types import Floats, Mask


class Scaling(NamedTuple):
    """Means and deviations of the features that vary, ``(k,)`` each, and which of all do."""

    varies: Mask
    mean: Floats
    deviation: Floats

    @classmethod
    def of(cls, X: Floats) -> Scaling:
        """Return the scaling of rows ``(n, k)``; where no feature varies, the first is kept."""
        rows = np.asarray(X, dtype=np.float64)
        deviation = rows.std(axis=0)
        varies = deviation > 1e-12 * np.abs(rows).max(axis=0)
        if not varies.any():
            varies[0], deviation[0] = True, 1.0
        return cls(varies, rows.mean(axis=0)[varies], deviation[varies])

    def scale(self, X: Floats) -> Floats:
        """Return the scaled rows, without the features that do not vary."""
        return np.asarray((X[:, self.varies] - self.mean) / self.deviation)
