"""How many runs a study needs to tell two strategies apart."""

from __future__ import annotations

import math

from workbench.statistics.comparison import LEVEL, least_p

POWER = 0.8


def runs_needed(
    probability: float, comparisons: int = 1, power: float = POWER, level: float = LEVEL
) -> int | None:
    """Return how many runs of each the Mann-Whitney U test needs; None where there is no effect.

    Noether, "Sample Size Determination for Some Common Nonparametric Tests", Journal of the
    American Statistical Association 82, 1987: of two samples of n each, n = (z(1 - level / 2) +
    z(power))^2 / (6 (P(a > b) - 1/2)^2), and never so few that the exact test could not reach the
    level. The formula takes the variance where there is no effect, so that from P of about .9 on it
    asks for more than are needed.

    Parameters
    ----------
    probability : float in [0, 1]
        P(a > b) + P(a = b) / 2 of a run of each, ``vargha_delaney``. An observed one is uncertain:
        ask with both ends of its interval too.
    comparisons : int
        How many tests Holm's correction is to run over: the level is divided by it.
    power : float in (0, 1)
        How likely the difference is to be found.
    """
    from scipy.stats import norm

    level /= comparisons
    away = abs(probability - 0.5)
    if away < 1e-9:
        return None
    z = norm.ppf(1 - level / 2) + norm.ppf(power)
    needed = math.ceil(z**2 / (6 * away**2))
    while least_p(needed) >= level:
        needed += 1
    return needed
