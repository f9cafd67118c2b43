"""When a training is not worth going on with: it is unlikely to end above the best so far.

Domhan, Springenberg and Hutter, "Speeding up Automatic Hyperparameter Optimization of Deep Neural
Networks by Extrapolation of Learning Curves", IJCAI 2015: their level is .05.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import ndtr

from workbench.types import Floats, Ints, Mask

LEVEL = 0.05


def hopeless(mean: Floats, std: Floats, incumbent: float, level: float = LEVEL) -> Mask:
    """Return whether P(final > incumbent) is below a level, for normal predictions ``(n,)``."""
    with np.errstate(divide="ignore", invalid="ignore"):
        likely = ndtr((mean - incumbent) / std)
    return np.asarray(np.where(std > 0, likely, mean > incumbent) < level)


class Stopped(NamedTuple):
    """What stopping did to trainings one after the other.

    ``seen`` ``(n,)`` is how many epochs each had; ``best`` and ``best_without`` are the positions
    of those that would be chosen, by their final scores, with and without stopping.
    """

    seen: Ints
    best: int
    best_without: int


def stop_early(
    final: Floats, cuts: Ints, mean: Floats, std: Floats, whole: int, level: float = LEVEL
) -> Stopped:
    """Return how trainings would go, one after the other, if the hopeless ones were stopped.

    Parameters
    ----------
    final : ndarray of shape (n,)
        The observed final score of each training.
    cuts : ndarray of shape (c,)
        After how many epochs a training is looked at, rising.
    mean, std : ndarray of shape (n, c)
        What is then predicted of its end.
    whole : int
        Epochs of a whole training.
    level : float
        The least P(final > incumbent) that lets a training go on.
    """
    incumbent, best = -np.inf, 0
    seen = np.full(len(final), whole)
    for row in range(len(final)):
        stopped = np.flatnonzero(hopeless(mean[row], std[row], incumbent, level))
        if len(stopped):
            seen[row] = cuts[stopped[0]]
        elif final[row] > incumbent:
            incumbent, best = float(final[row]), row
    return Stopped(seen, best, int(np.argmax(final)))
