"""Forests that say how unsure they are."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.random import RandomState
from numpy.typing import NDArray
from sklearn.ensemble import ExtraTreesRegressor, RandomForestRegressor
from sklearn.utils._param_validation import InvalidParameterError

from workbench.errors import ParameterError
from workbench.predictors._base import ProbabilisticPredictor
from workbench.predictors._intervals import inflation
from workbench.predictors._targets import Transform
from workbench.types import Floats, Mask

_BAGGED = 50
_FLOOR = 0.1

Moments = tuple[Floats, Floats]


class Forest(ProbabilisticPredictor):
    """A forest of scikit-learn, with the deviation of the mixture of its leaves, calibrated.

    A tree predicts the mean and the variance of its leaf; the variance of the forest is, by the
    law of total variance, the mean of the variances plus the variance of the means (Hutter, Xu,
    Hoos and Leyton-Brown, "Algorithm Runtime Prediction", 2012, arXiv:1211.0906). A share of its
    mean over the labelled rows is added everywhere, and deviations are multiplied by the factor
    that makes 90 % intervals cover 90 % of the out-of-bag errors. A forest without bootstrap has
    no such errors; a smaller one with it lends them.

    Attributes
    ----------
    floor_ : float
        The variance added.
    inflation_ : float
        The factor.
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
        bagged = self.forest_
        if not bagged.bootstrap:
            parameters["n_estimators"] = min(self.n_estimators, _BAGGED)
            bagged = self._KIND(n_jobs=None, **parameters, bootstrap=True).fit(X, y)
        mean, variance = _out_of_bag(bagged, X)
        known = np.isfinite(mean)
        self.floor_ = _FLOOR * float(variance[known].mean()) if known.any() else 0.0
        deviations = np.sqrt(variance[known] + self.floor_)
        self.inflation_ = inflation(mean[known] - y[known], deviations)

    def _predict(self, X: Floats) -> Floats:
        return np.asarray(self.forest_.predict(X))

    def _predict_with_std(self, X: Floats) -> tuple[Floats, Floats]:
        rows = np.asarray(X, dtype=np.float32)
        every = np.ones(len(rows), dtype=np.bool_)
        mean, variance = _mixture(rows, [(tree, every) for tree in self.forest_.estimators_])
        return mean, self.inflation_ * np.sqrt(variance + self.floor_)


def _out_of_bag(forest: ExtraTreesRegressor | RandomForestRegressor, X: Floats) -> Moments:
    outside = []
    for drawn in forest.estimators_samples_:
        left_out = np.ones(len(X), dtype=np.bool_)
        left_out[drawn] = False
        outside.append(left_out)
    rows = np.asarray(X, dtype=np.float32)
    return _mixture(rows, list(zip(forest.estimators_, outside, strict=True)))


def _mixture(rows: NDArray[np.float32], trees: list[tuple[Any, Mask]]) -> Moments:
    """Return mean and variance of the leaves of those trees that each row asks; NaN of none."""
    means, squares, counts = np.zeros((3, len(rows)))
    for member, asked in trees:
        tree = member.tree_
        leaves = tree.apply(rows)
        mean = tree.value[:, 0, 0][leaves]
        means += np.where(asked, mean, 0)
        squares += np.where(asked, mean**2 + tree.impurity[leaves], 0)
        counts += asked
    counts[counts == 0] = np.nan
    means /= counts
    return means, np.maximum(squares / counts - means**2, 0)
