"""Gradient-boosted trees, by XGBoost.

Chen and Guestrin, "XGBoost: A Scalable Tree Boosting System", 2016, arXiv:1603.02754.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import xgboost
from numpy.random import RandomState
from scipy.stats import loguniform, randint, uniform

from workbench.encodings._parameters import check_integers, check_numbers
from workbench.predictors._base import Predictor
from workbench.predictors._targets import Transform
from workbench.predictors._tuning import SearchSpace
from workbench.types import Floats

_SHALLOW, _DEEP, _MANY_ROWS = 4, 6, 200
_OF_BITS, _OF_COUNTS = 0.8, 0.3


class XGBoost(Predictor):
    """Boosted trees on one thread, for tens to thousands of rows.

    Parameters
    ----------
    n_estimators : int, default 300
        Number of trees.
    max_depth : int or None, default None
        Of a tree. None: 4 for fewer than 200 rows, 6 from there.
    learning_rate : float in (0, 1], default .05
        Shrinkage of each tree.
    subsample : float in (0, 1], default .9
        Part of the rows that each tree sees.
    colsample_bytree : float in (0, 1] or None, default None
        Part of the features that each tree sees. None: .8 where all are bits, which say little
        each, and .3 of others, such as counts that overlap.
    target_transform : {None, "rank", "quantile"}, default None
        What the targets are fitted as.
    random_state : int, RandomState or None
        Seed.
    """

    SEARCH_SPACE: ClassVar[SearchSpace] = {
        "n_estimators": randint(100, 600),
        "max_depth": randint(2, 8),
        "learning_rate": loguniform(0.02, 0.2),
        "subsample": uniform(0.6, 0.4),
        "colsample_bytree": uniform(0.1, 0.9),
        "target_transform": [None, "quantile"],
    }

    def __init__(
        self,
        n_estimators: int = 300,
        max_depth: int | None = None,
        learning_rate: float = 0.05,
        subsample: float = 0.9,
        colsample_bytree: float | None = None,
        target_transform: Transform | None = None,
        random_state: int | RandomState | None = None,
    ) -> None:
        self.n_estimators = n_estimators
        self.max_depth = max_depth
        self.learning_rate = learning_rate
        self.subsample = subsample
        self.colsample_bytree = colsample_bytree
        self.target_transform = target_transform
        self.random_state = random_state

    def _fit(self, X: Floats, y: Floats) -> None:
        check_integers(self, 1, "n_estimators")
        check_integers(self, 1, "max_depth", optional=True)
        check_numbers(self, 0, 1, "learning_rate", "subsample", open_high=False)
        if self.colsample_bytree is not None:
            check_numbers(self, 0, 1, "colsample_bytree", open_high=False)
        depth, part = self.max_depth, self.colsample_bytree
        if depth is None:
            depth = _SHALLOW if len(X) < _MANY_ROWS else _DEEP
        if part is None:
            part = _OF_BITS if ((X == 0) | (X == 1)).all() else _OF_COUNTS
        parameters = {
            "max_depth": depth,
            "eta": self.learning_rate,
            "subsample": self.subsample,
            "colsample_bytree": part,
            "base_score": 0.0,
            "tree_method": "hist",
            "nthread": 1,
            "seed": self._seed(),
        }
        labelled = xgboost.DMatrix(X, y, nthread=1)
        self.booster_ = xgboost.train(parameters, labelled, self.n_estimators)

    def _predict(self, X: Floats) -> Floats:
        return np.asarray(self.booster_.inplace_predict(X), dtype=np.float64)
