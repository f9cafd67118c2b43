"""How much wider than a model says its intervals must be, from errors on rows it did not see."""

from __future__ import annotations

import numpy as np

from workbench.types import Floats

SHARE, WIDTH = 0.9, 1.6448536269514722
"""A normal variable lies within 1.645 deviations of its mean nine times in ten."""


def unexplained(errors: Floats, variances: Floats | float) -> float:
    """Return the least variance that, added to a model's own, covers its held-out errors.

    Then nine in ten of the errors ``(n,)`` lie within 1.645 deviations. A quantile rather than the
    mean square: errors on architectures have heavy tails, which would widen every interval.
    """
    lacking = (errors / WIDTH) ** 2 - variances
    return max(float(np.quantile(lacking, SHARE)), 0.0)
