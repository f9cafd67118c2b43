"""The last score that was seen: what every extrapolator must beat."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from workbench.predictors.curves._base import Extrapolator
from workbench.types import Floats, Ints


class LastValue(Extrapolator):
    """The score of the last epoch seen, with the spread that final scores had around it.

    Parameters
    ----------
    epochs : sequence of float, optional
        The epoch of each column; it changes nothing here.
    """

    def __init__(self, epochs: Sequence[float] | None = None) -> None:
        self.epochs = epochs

    def _learn(self, X: Floats, y: Floats) -> None:
        self.spread_ = np.array(
            [np.sqrt(np.nanmean((y - X[:, cut]) ** 2)) for cut in range(X.shape[1])]
        )

    def _extrapolate(self, X: Floats, seen: Ints) -> tuple[Floats, Floats]:
        return X[np.arange(len(X)), seen - 1], self.spread_[seen - 1]
