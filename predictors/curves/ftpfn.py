"""FT-PFN: a transformer that reads a curve beside other curves and their architectures.

Rakotoarison, Adriaensen, Mallik, Garibov, Bergman and Hutter, "In-Context Freeze-Thaw Bayesian
Optimization for Hyperparameter Optimization", 2024, arXiv:2404.16795.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from workbench.encodings._parameters import check, check_integers
from workbench.predictors._base import archs_of
from workbench.predictors.curves._base import by_seen
from workbench.predictors.curves._pfn import Pretrained
from workbench.spaces import Space
from workbench.types import Floats, Ints

_ROOM = 10
_NOBODY = 0.0
"""The number of a curve of which nothing is known, as in the network's training."""


class FTPFN(Pretrained):
    """What the published network says of a curve, given whole trainings of ``fit``.

    The weights are not part of the workbench; without them ``fit`` says where to fetch them. The
    package ``ifbo`` is not needed. All that is in the context is read again for every curve, tenths
    of a second with the published network: for trainings that take longer than that.

    Parameters
    ----------
    space : Space, optional
        With a space, of ten decisions at most, the rows of X begin with the architecture's
        decisions, each of which the network sees as a number in [0, 1], whether ordered or not.
    weights : str or None, default None
        The file of weights, as published and unpacked. None takes the one that the environment
        variable ``WORKBENCH_FTPFN`` names.
    limits : (float, float) or None, default None
        Between which scores can be, such as ``(0, 100)``; None takes the range of the curves of
        ``fit`` and a tenth above it.
    context : int >= 1, default 10
        How many trainings of ``fit``, the first ones, the network sees beside a curve; those of a
        calibration are never those that it is asked about.
    corrected : bool, default True
        Whether the final scores of ``fit`` correct what the network says, by a line at each epoch.
    epochs : sequence of float, optional
        The epoch of each column; 1, 2, ... if not given.
    """

    LEARNS = True
    FILE = "bopfn_broken_unisep_1000curves_10params_2M.pt (in the archive of FT-PFN 0.0.1)"
    SOURCE = "https://api.figshare.com/v2/file/download/61709839"
    VARIABLE = "WORKBENCH_FTPFN"

    def __init__(
        self,
        space: Space | None = None,
        weights: str | None = None,
        limits: tuple[float, float] | None = None,
        context: int = 10,
        corrected: bool = True,
        epochs: Sequence[float] | None = None,
    ) -> None:
        self.space = space
        self.weights = weights
        self.limits = limits
        self.context = context
        self.corrected = corrected
        self.epochs = epochs

    @property
    def _lead(self) -> int:
        return 0 if self.space is None else len(self.space.decisions)

    @property
    def _least(self) -> int:
        return 1 if self.space is None else 0

    def _rows(self, X: ArrayLike, reset: bool) -> Floats:
        """Return rows whose decisions lie in [0, 1]."""
        given = super()._rows(X, reset).copy()
        if self.space is not None:
            check(self, "space", isinstance(self.space, Space), "None or a Space")
            check(self, "space", self._lead <= _ROOM, f"of at most {_ROOM} decisions")
            archs = archs_of(self.space, given[:, : self._lead])
            steps = [max(len(d.values) - 1, 1) for d in self.space.decisions]
            given[:, : self._lead] = archs / np.array(steps)
        return given

    def _learn(self, X: Floats, y: Floats) -> None:  # noqa: ARG002
        check_integers(self, 1, "context")
        self._open(X[:, self._lead :])
        whole = X[np.isfinite(X).all(axis=1)][: self.context]
        self.points_, self.scores_ = self._points(whole, len(self.epochs_), 1)

    def _points(self, X: Floats, cut: int, first: int) -> tuple[Floats, Floats]:
        """Return what the network reads of curves: points ``(n * cut, k)`` and their scores."""
        numbers = np.repeat(np.arange(first, first + len(X)), cut)
        at = np.tile(self.epochs_[:cut] / self.epochs_[-1], len(X))
        settings = X[:, : self._lead] if self._lead else np.full((len(X), 1), 0.5)
        points = np.column_stack([numbers, at, np.repeat(settings, cut, axis=0)])
        scores = self._unit_scores(X[:, self._lead : self._lead + cut])
        return points, scores.ravel()

    def _extrapolate(self, X: Floats, seen: Ints) -> tuple[Floats, Floats]:
        mean, std = np.empty(len(X)), np.empty(len(X))
        others = int(self.points_[:, 0].max(initial=0.0))
        for cut, rows in by_seen(seen):
            if not cut + len(self.points_):
                mean[rows], std[rows] = self._of_all()
                continue
            found = [self._asked(X[row : row + 1], cut, others + 1) for row in rows.tolist()]
            x, y, asked = (np.stack(part) for part in zip(*found, strict=True))
            mean[rows], std[rows] = self.network_.moments(x, y, asked)
        return self._in_scores(mean, std)

    def _of_all(self) -> tuple[float, float]:
        """Return mean and deviation of all final scores, as the network would say them."""
        scale = self.high_ - self.low_
        return (self.mean_ - self.low_) / scale, self.std_ / scale

    def _asked(self, row: Floats, cut: int, number: int) -> tuple[Floats, Floats, Floats]:
        """Return points and scores of the context and one curve, and the end that is asked for."""
        points, scores = self._points(row, cut, number)
        settings = row[0, : self._lead] if self._lead else np.array([0.5])
        asked = np.array([number if cut else _NOBODY, 1.0, *settings])
        x = np.concatenate([self.points_, points])
        return x, np.concatenate([self.scores_, scores]), asked
