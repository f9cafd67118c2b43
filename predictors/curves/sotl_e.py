"""The training loss of the last epochs (SoTL-E).

Ru, Lyle, Schut, van der Wilk and Gal, "Revisiting the Train Loss: an Efficient Performance
Estimator for Neural Architecture Search", 2020, arXiv:2006.04492.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from workbench.encodings._parameters import check_integers
from workbench.predictors.curves.sotl import SoTL
from workbench.types import Floats, Ints


class SoTLE(SoTL):
    """As ``SoTL``, of the last epochs alone.

    Parameters
    ----------
    window : int, default 1
        Number of epochs whose losses count; the authors' is 1.
    epochs : sequence of float, optional
        The epoch of each column; it changes nothing here.
    """

    def __init__(self, window: int = 1, epochs: Sequence[float] | None = None) -> None:
        super().__init__(epochs)
        self.window = window

    def _learn(self, X: Floats, y: Floats) -> None:
        check_integers(self, 1, "window")
        super()._learn(X, y)

    def _sums(self, X: Floats, seen: Ints) -> Floats:
        places = np.arange(X.shape[1])
        inside = (places < seen[:, None]) & (places >= seen[:, None] - self.window)
        return np.asarray(np.where(inside, X, 0.0).sum(axis=1))
