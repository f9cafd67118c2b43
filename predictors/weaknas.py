"""WeakNAS: weak predictors, each for a better part of the space than the one before.

Wu, Dai, Chen, Chen, Liu, Yu, Wang, Liu, Chen and Yuan, "Stronger NAS with Weaker Predictors", 2021,
arXiv:2102.10490.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.random import RandomState
from scipy.special import expit

from workbench.encodings._parameters import check_integers, check_numbers
from workbench.errors import ParameterError, UnknownName
from workbench.predictors._base import Predictor
from workbench.predictors._pipeline import predictor_of
from workbench.predictors._targets import Transform
from workbench.predictors._tuning import SearchSpace
from workbench.types import Floats

_LEAST = 10


class WeakNAS(Predictor):
    """A coarse predictor of all rows, and finer ones of those that look good to the coarser.

    The first weak predictor is fitted to all labelled rows, each next one to the best part of the
    rows of the one before. What is predicted to lie in that part is moved to the next one's
    prediction, gradually around the border, so that the best are told apart by a predictor that
    has seen nothing else. In a search, where labels come in rounds from the best part of the space
    so far, that is the authors' progressive set of weak predictors.

    Parameters
    ----------
    stages : int, default 2
        Weak predictors at most; there is none for fewer than ten rows. A third one sharpens the
        best few per cent further, at the price of the order of the rest.
    fraction : float in (0, 1), default .5
        Part of the rows that each next one sees.
    weak : str, default "xgboost"
        Name of a predictor that takes features.
    target_transform : {None, "rank", "quantile"}, default None
        What the targets are fitted as.
    random_state : int, RandomState or None
        Seed.
    """

    SEARCH_SPACE: ClassVar[SearchSpace] = {
        "stages": [2, 3, 4],
        "fraction": [0.25, 0.5, 0.75],
        "target_transform": [None, "quantile"],
    }

    def __init__(
        self,
        stages: int = 2,
        fraction: float = 0.5,
        weak: str = "xgboost",
        target_transform: Transform | None = None,
        random_state: int | RandomState | None = None,
    ) -> None:
        self.stages = stages
        self.fraction = fraction
        self.weak = weak
        self.target_transform = target_transform
        self.random_state = random_state

    def _fit(self, X: Floats, y: Floats) -> None:
        check_integers(self, 1, "stages")
        check_numbers(self, 0, 1, "fraction")
        self._check("weak", isinstance(self.weak, str), "the name of a predictor")
        seed, order = self._seed(), np.argsort(-y, kind="stable")
        self.models_ = [self._weak(seed).fit(X, y)]
        self.borders_: list[tuple[float, float]] = []
        size = len(X)
        for _ in range(1, self.stages):
            size = int(size * self.fraction)
            if size < _LEAST:
                break
            good_ones = np.sort(self._predict(X))[-size:]
            self.borders_.append((float(good_ones[0]), float(good_ones.std()) / 2))
            best = order[:size]
            self.models_.append(self._weak(seed).fit(X[best], y[best]))

    def _weak(self, seed: int) -> Any:
        try:
            model = predictor_of(self, self.weak)
        except (ParameterError, UnknownName) as error:
            must_be = f"the name of a predictor that takes features ({error})"
            raise ParameterError(
                f"The 'weak' parameter of WeakNAS must be {must_be}. Got {self.weak!r} instead."
            ) from None
        return model.set_params(random_state=seed) if hasattr(model, "random_state") else model

    def _predict(self, X: Floats) -> Floats:
        found = np.asarray(self.models_[0].predict(X))
        for model, (border, width) in zip(self.models_[1:], self.borders_, strict=True):
            share = expit((found - border) / max(width, 1e-12))
            found = (1 - share) * found + share * model.predict(X)
        return np.asarray(found)
