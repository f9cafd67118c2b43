"""Extremely randomised trees, with a standard deviation.

Geurts, Ernst and Wehenkel, "Extremely randomized trees", Machine Learning 63, 2006.
"""

from __future__ import annotations

from numpy.random import RandomState
from sklearn.ensemble import ExtraTreesRegressor

from workbench.predictors._forest import Forest


class ExtraTrees(Forest):
    """Trees with random thresholds on all rows.

    Parameters
    ----------
    n_estimators : int, default 200
        Number of trees.
    max_features : int, float, {"sqrt", "log2"} or None, default .4
        Features tried at a split, as in scikit-learn.
    min_samples_leaf : int or float, default 1
        As in scikit-learn.
    random_state : int, RandomState or None
        Seed.
    """

    _KIND = ExtraTreesRegressor

    def __init__(
        self,
        n_estimators: int = 200,
        max_features: float | str | None = 0.4,
        min_samples_leaf: int = 1,
        random_state: int | RandomState | None = None,
    ) -> None:
        super().__init__(n_estimators, max_features, min_samples_leaf, random_state)
