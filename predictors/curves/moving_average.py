"""The mean of the last scores that were seen: the last value with less noise."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from workbench.encodings._parameters import check_integers
from workbench.predictors.curves._base import Extrapolator
from workbench.types import Floats, Ints


class MovingAverage(Extrapolator):
    """The mean of the scores of the last epochs seen, with the spread final scores had around it.

    Parameters
    ----------
    window : int, default 3
        Number of epochs; fewer where fewer were seen.
    epochs : sequence of float, optional
        The epoch of each column; it changes nothing here.
    """

    def __init__(self, window: int = 3, epochs: Sequence[float] | None = None) -> None:
        self.window = window
        self.epochs = epochs

    def _learn(self, X: Floats, y: Floats) -> None:  # noqa: ARG002
        check_integers(self, 1, "window")

    def _extrapolate(self, X: Floats, seen: Ints) -> tuple[Floats, Floats]:
        places = np.arange(X.shape[1])
        inside = (places < seen[:, None]) & (places >= seen[:, None] - self.window)
        mean = np.where(inside, X, 0.0).sum(axis=1) / inside.sum(axis=1)
        return mean, np.full(len(X), self.std_)
