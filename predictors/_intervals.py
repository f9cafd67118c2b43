"""Deviations that fit the errors made on rows that were not learned from."""

from __future__ import annotations

import numpy as np

from workbench.types import Floats

COVER = 0.9
_WIDTH = 1.6448536269514722
_SURE = 5


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
    factor = max(float(ratios[place]) / _WIDTH, 1e-3)
    return float(factor ** (len(ratios) / (len(ratios) + _SURE)))
