"""A random forest, with a standard deviation.

Breiman, "Random Forests", Machine Learning 45, 2001. The defaults are those of White, Zela, Ru, Liu
and Hutter, "How Powerful are Performance Predictors in Neural Architecture Search?", 2021,
arXiv:2104.01177.
"""

from __future__ import annotations

from typing import ClassVar

from numpy.random import RandomState
from scipy.stats import randint, uniform
from sklearn.ensemble import RandomForestRegressor

from workbench.predictors._forest import Forest
from workbench.predictors._targets import Transform
from workbench.predictors._tuning import SearchSpace


class RandomForest(Forest):
    """Trees with the best thresholds on bootstrap samples.

    Parameters
    ----------
    n_estimators : int, default 116
        Number of trees.
    max_features : int, float, {"sqrt", "log2"} or None, default .17
        Features tried at a split, as in scikit-learn.
    min_samples_leaf : int or float, default 2
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
    _KIND = RandomForestRegressor

    def __init__(
        self,
        n_estimators: int = 116,
        max_features: float | str | None = 0.17,
        min_samples_leaf: int = 2,
        target_transform: Transform | None = None,
        random_state: int | RandomState | None = None,
    ) -> None:
        super().__init__(
            n_estimators, max_features, min_samples_leaf, target_transform, random_state
        )
