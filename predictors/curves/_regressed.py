"""Extrapolators that learn final scores from features of the curve and of the architecture."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from workbench.encodings._parameters import check
from workbench.predictors._base import archs_of
from workbench.predictors._pipeline import Given, encoding_of, gives_std
from workbench.predictors.curves._base import Extrapolator, by_seen
from workbench.spaces import Space
from workbench.types import Floats, Ints


class Regressed(Extrapolator):
    """A model for each number of epochs, of the curve up to there, fitted when it is asked for.

    Its first parameter is ``space``: with one, the rows of X begin with the architecture's
    decisions, and ``encoding`` makes features of them; then nothing of a curve need be seen. A
    subclass overrides ``_model``.
    """

    LEARNS = True
    CUTS = 6

    space: Space | None
    encoding: Given

    @abstractmethod
    def _model(self) -> Any:
        """Return an unfitted regressor of features."""

    @property
    def _lead(self) -> int:
        return self.width_

    @property
    def _least(self) -> int:
        return 1 if self.space is None else 0

    def _rows(self, X: ArrayLike, reset: bool) -> Floats:
        given = super()._rows(X, reset)
        if self.space is None:
            check(self, "encoding", self.encoding is None, "None where there is no space")
            self.width_ = 0
            return given
        check(self, "space", isinstance(self.space, Space), "None or a Space")
        decisions = len(self.space.decisions)
        archs = archs_of(self.space, given[:, :decisions])
        if reset:
            self.encoder_ = encoding_of(self, self.encoding, self.space).fit(archs)
        encoded = np.asarray(self.encoder_.transform(archs), dtype=np.float64)
        self.width_ = encoded.shape[1]
        return np.concatenate([encoded, given[:, decisions:]], axis=1)

    def _learn(self, X: Floats, y: Floats) -> None:
        self.known_ = X, y
        self.models_: dict[int, Any] = {}

    def _model_of(self, cut: int) -> Any:
        """Return the model of curves of so many epochs."""
        if cut not in self.models_:
            X, y = self.known_
            rows = np.isfinite(X[:, self._lead : self._lead + cut]).all(axis=1)
            self.models_[cut] = self._model().fit(self._inputs(X[rows], cut), y[rows])
        return self.models_[cut]

    def _inputs(self, X: Floats, cut: int) -> Floats:
        """Return scores up to an epoch, their first and second differences, and the encoding."""
        scores = self._standard(X[:, self._lead : self._lead + cut])
        parts = [np.diff(scores, n=n, axis=1) for n in range(min(3, cut))]
        return np.concatenate([*parts, X[:, : self._lead]], axis=1)

    def _extrapolate(self, X: Floats, seen: Ints) -> tuple[Floats, Floats]:
        mean, std = np.empty(len(X)), np.full(len(X), self.std_)
        for cut, rows in by_seen(seen):
            model, features = self._model_of(cut), self._inputs(X[rows], cut)
            if gives_std(model):
                mean[rows], std[rows] = model.predict(features, return_std=True)
            else:
                mean[rows] = model.predict(features)
        return mean, std
