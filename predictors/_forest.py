"""Forests that say how unsure they are."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.random import RandomState
from sklearn.ensemble import ExtraTreesRegressor, RandomForestRegressor
from sklearn.utils._param_validation import InvalidParameterError

from workbench.errors import ParameterError
from workbench.predictors._base import ProbabilisticPredictor
from workbench.predictors._targets import Transform
from workbench.types import Floats


class Forest(ProbabilisticPredictor):
    """A forest of scikit-learn, with the deviation of the mixture of its leaves.

    A tree predicts the mean and the variance of its leaf; the variance of the forest is, by the
    law of total variance, the mean of the variances plus the variance of the means (Hutter, Xu,
    Hoos and Leyton-Brown, "Algorithm Runtime Prediction", 2012, arXiv:1211.0906).
    """

    _KIND: type[ExtraTreesRegressor | RandomForestRegressor]

    def __init__(
        self,
        n_estimators: int = 100,
        max_features: float | str | None = 1.0,
        min_samples_leaf: int = 1,
        target_transform: Transform | None = None,
        random_state: int | RandomState | None = None,
    ) -> None:
        self.n_estimators = n_estimators
        self.max_features = max_features
        self.min_samples_leaf = min_samples_leaf
        self.target_transform = target_transform
        self.random_state = random_state

    def _fit(self, X: Floats, y: Floats) -> None:
        parameters: dict[str, Any] = {**self.get_params(), "random_state": self._seed()}
        del parameters["target_transform"]
        try:
            self.forest_ = self._KIND(n_jobs=None, **parameters).fit(X, y)
        except InvalidParameterError as error:
            own = str(error).replace(self._KIND.__name__, type(self).__name__)
            raise ParameterError(own) from None

    def _predict(self, X: Floats) -> Floats:
        return np.asarray(self.forest_.predict(X))

    def _predict_with_std(self, X: Floats) -> tuple[Floats, Floats]:
        rows = np.asarray(X, dtype=np.float32)
        means, squares = np.zeros(len(rows)), np.zeros(len(rows))
        for member in self.forest_.estimators_:
            tree = member.tree_
            leaves = tree.apply(rows)
            mean = tree.value[:, 0, 0][leaves]
            means += mean
            squares += mean**2 + tree.impurity[leaves]
        means /= len(self.forest_.estimators_)
        squares /= len(self.forest_.estimators_)
        return means, np.sqrt(np.maximum(squares - means**2, 0))
