"""The sum of training losses: what learns fast generalises well.

Ru, Lyle, Schut, van der Wilk and Gal, "Revisiting the Train Loss: an Efficient Performance
Estimator for Neural Architecture Search", 2020, arXiv:2006.04492.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np

from workbench.predictors.curves._base import Extrapolator
from workbench.types import Floats, Ints


class SoTL(Extrapolator):
    """The sum of the training losses seen, mapped to scores by a falling line.

    Curves are of the mean training loss of each epoch. The line of each number of epochs is that of
    least squares to the final scores of ``fit``; where losses would rise with scores it is flat.

    Parameters
    ----------
    epochs : sequence of float, optional
        The epoch of each column; it changes nothing here.
    """

    READS: ClassVar[Literal["score", "train_loss"]] = "train_loss"
    LEARNS = True

    def __init__(self, epochs: Sequence[float] | None = None) -> None:
        self.epochs = epochs

    def _learn(self, X: Floats, y: Floats) -> None:
        found = []
        for cut in range(1, X.shape[1] + 1):
            sums = self._sums(X[:, :cut], np.full(len(X), cut))
            known = np.isfinite(sums)
            found.append(_falling(sums[known], y[known]) if known.any() else (self.mean_, 0.0))
        self.falling_ = np.array(found)

    def _sums(self, X: Floats, seen: Ints) -> Floats:
        """Return the sum of the losses of the epochs that count, ``(n,)``."""
        return np.asarray(np.where(np.arange(X.shape[1]) < seen[:, None], X, 0.0).sum(axis=1))

    def _extrapolate(self, X: Floats, seen: Ints) -> tuple[Floats, Floats]:
        shift, slope = self.falling_[seen - 1].T
        return shift + slope * self._sums(X, seen), np.full(len(X), self.std_)


def _falling(losses: Floats, scores: Floats) -> tuple[float, float]:
    """Return constant and slope of the line of least squares, of slopes not above 0."""
    away = losses - losses.mean()
    square = float(away @ away)
    slope = min(float(away @ scores) / square, 0.0) if square > 0 else 0.0
    return float(scores.mean() - slope * losses.mean()), slope
