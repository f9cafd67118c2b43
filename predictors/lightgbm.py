"""Gradient-boosted trees, by LightGBM.

Ke, Meng, Finley, Wang, Chen, Ma, Ye and Liu, "LightGBM: A Highly Efficient Gradient Boosting
Decision Tree", NeurIPS 2017.
"""

from __future__ import annotations

from typing import ClassVar

import lightgbm
import numpy as np
from numpy.random import RandomState
from scipy.stats import loguniform, randint, uniform

from workbench.encodings._parameters import check_integers, check_numbers
from workbench.predictors._base import Predictor
from workbench.predictors._targets import Transform
from workbench.predictors._tuning import SearchSpace
from workbench.types import Floats

EXTRA = "lightgbm"


class LightGBM(Predictor):
    """Boosted trees grown leaf by leaf on one thread, for tens to thousands of rows.

    Parameters
    ----------
    n_estimators : int, default 300
        Number of trees.
    num_leaves : int, default 15
        Of a tree.
    min_child_samples : int, default 1
        Rows in a leaf, at least. The package's own default of 20 learns nothing from 25 rows.
    reg_lambda : float, default 1
        L2 penalty of the values of leaves.
    learning_rate : float in (0, 1], default .05
        Shrinkage of each tree.
    subsample, colsample_bytree : float in (0, 1], default .9 and .3
        Part of the rows and of the features that each tree sees.
    target_transform : {None, "rank", "quantile"}, default None
        What the targets are fitted as.
    random_state : int, RandomState or None
        Seed.
    """

    SEARCH_SPACE: ClassVar[SearchSpace] = {
        "n_estimators": randint(100, 600),
        "num_leaves": randint(4, 32),
        "min_child_samples": randint(1, 6),
        "reg_lambda": loguniform(0.1, 10),
        "learning_rate": loguniform(0.02, 0.2),
        "subsample": uniform(0.6, 0.4),
        "colsample_bytree": uniform(0.1, 0.9),
        "target_transform": [None, "quantile"],
    }

    def __init__(
        self,
        n_estimators: int = 300,
        num_leaves: int = 15,
        min_child_samples: int = 1,
        reg_lambda: float = 1.0,
        learning_rate: float = 0.05,
        subsample: float = 0.9,
        colsample_bytree: float = 0.3,
        target_transform: Transform | None = None,
        random_state: int | RandomState | None = None,
    ) -> None:
        self.n_estimators = n_estimators
        self.num_leaves = num_leaves
        self.min_child_samples = min_child_samples
        self.reg_lambda = reg_lambda
        self.learning_rate = learning_rate
        self.subsample = subsample
        self.colsample_bytree = colsample_bytree
        self.target_transform = target_transform
        self.random_state = random_state

    def _fit(self, X: Floats, y: Floats) -> None:
        check_integers(self, 1, "n_estimators", "min_child_samples")
        check_integers(self, 2, "num_leaves")
        parts = ("learning_rate", "subsample", "colsample_bytree")
        check_numbers(self, 0, 1, *parts, open_high=False)
        check_numbers(self, 0, float("inf"), "reg_lambda", open_low=False)
        parameters = {
            "lambda_l2": self.reg_lambda,
            "num_leaves": self.num_leaves,
            "min_data_in_leaf": self.min_child_samples,
            "min_data_in_bin": 1,
            "min_sum_hessian_in_leaf": 0.0,
            "learning_rate": self.learning_rate,
            "bagging_fraction": self.subsample,
            "bagging_freq": 1,
            "feature_fraction": self.colsample_bytree,
            "num_threads": 1,
            "deterministic": True,
            "force_col_wise": True,
            "seed": self._seed(),
            "verbosity": -1,
        }
        labelled = lightgbm.Dataset(X, y)
        self.booster_ = lightgbm.train(parameters, labelled, self.n_estimators)

    def _predict(self, X: Floats) -> Floats:
        return np.asarray(self.booster_.predict(X, num_threads=1), dtype=np.float64)
