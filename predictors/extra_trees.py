"""Extremely randomised trees, with a standard deviation.

Geurts, Ernst and Wehenkel, "Extremely randomized trees", Machine Learning 63, 2006.
"""

from __future__ import annotations

from typing import ClassVar

from numpy.random import RandomState
from scipy.stats import randint, uniform
from sklearn.ensemble import ExtraTreesRegressor

from workbench.predictors._forest import Forest
from workbench.predictors._targets import Transform
from workbench.predictors._tuning import SearchSpace


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
    target_transform : {None, "rank", "quantile"}, default None
        What the targets are fitted as.
    random_state : int, RandomState or None
        Seed.
    """

    SEARCH_SPACE: ClassVar[SearchSpace] = {
        "max_features": uniform(0.1, 0.9),
        "min_samples_leaf": randint(1, 6),
        "target_transform": [None, "quantile"],
    }
    _KIND = ExtraTreesRegressor

    def __init__(
        self,
        n_estimators: int = 200,
        max_features: float | str | None = 0.4,
        min_samples_leaf: int = 1,
        target_transform: Transform | None = None,
        random_state: int | RandomState | None = None,
    ) -> None:
        super().__init__(
            n_estimators, max_features, min_samples_leaf, target_transform, random_state
        )
