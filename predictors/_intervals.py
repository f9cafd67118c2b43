"""How much wider than a model says its intervals must be, from errors on rows it did not see."""

from __future__ import annotations

import numpy as np

from workbench.types import Floats

COVER = 0.9
WIDTH = 1.6448536269514722
"""A normal variable lies within 1.645 deviations of its mean nine times in ten."""

_SURE = 5


def unexplained(errors: Floats, variances: Floats | float) -> float:
    """Return the least variance that, added to a model's own, covers its held-out errors.

    Then nine in ten of the errors ``(n,)`` lie within 1.645 deviations. A quantile rather than the
    mean square: errors on architectures have heavy tails, which would widen every interval.
    """
    lacking = (errors / WIDTH) ** 2 - variances
    return max(float(np.quantile(lacking, COVER)), 0.0)


def inflation(errors: Floats, deviations: Floats) -> float:
    """Return the factor by which deviations make 90 % intervals of a normal cover 90 % of errors.

    The quantile is that of split conformal prediction (Vovk et al. 2005; Lei et al. 2018,
    arXiv:1604.04173). Of few errors it is drawn towards 1, half way by five.
    """
    known = deviations > 0
    ratios = np.sort(np.abs(errors[known]) / deviations[known])
    if not len(ratios):
        return 1.0
    place = min(int(np.ceil(COVER * (len(ratios) + 1))), len(ratios)) - 1
    factor = max(float(ratios[place]) / WIDTH, 1e-3)
    return float(factor ** (len(ratios) / (len(ratios) + _SURE)))
