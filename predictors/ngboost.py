"""Natural gradient boosting: trees that predict a mean and a deviation.

Duan, Avati, Ding, Thai, Basu, Ng and Schuler, "NGBoost: Natural Gradient Boosting for Probabilistic
Prediction", ICML 2020, arXiv:1910.03225.
"""

from __future__ import annotations

from typing import Any, ClassVar

import ngboost
import numpy as np
from numpy.random import RandomState
from scipy.stats import loguniform, randint, uniform
from sklearn.tree import DecisionTreeRegressor

from workbench.encodings._parameters import check_integers, check_numbers
from workbench.predictors._base import ProbabilisticPredictor
from workbench.predictors._intervals import inflation
from workbench.predictors._targets import Transform
from workbench.predictors._tuning import SearchSpace
from workbench.types import Floats

EXTRA = "ngboost"

_LEAST = 10
_FLOOR = 0.1


class NGBoost(ProbabilisticPredictor):
    """Boosted trees for both parameters of a normal distribution, deviations calibrated.

    Few labels are learned by heart, and then the deviation goes to 0. Two
    quarters of the rows are therefore predicted by fits to the other three, and deviations are
    multiplied by the factor that makes 90 % intervals cover 90 % of those errors. That takes most
    of the time of ``fit``.

    Parameters
    ----------
    n_estimators : int, default 100
        Number of steps, each of two trees.
    max_depth : int, default 4
        Of a tree.
    learning_rate : float in (0, 1], default .07
        Shrinkage of each step.
    minibatch_frac, col_sample : float in (0, 1], default .7 and .3
        Part of the rows and of the features that each step sees.
    target_transform : {None, "rank", "quantile"}, default None
        What the targets are fitted as.
    random_state : int, RandomState or None
        Seed.
    """

    SEARCH_SPACE: ClassVar[SearchSpace] = {
        "n_estimators": randint(50, 400),
        "max_depth": randint(2, 7),
        "learning_rate": loguniform(0.01, 0.1),
        "minibatch_frac": uniform(0.5, 0.5),
        "col_sample": uniform(0.1, 0.9),
        "target_transform": [None, "quantile"],
    }

    def __init__(
        self,
        n_estimators: int = 100,
        max_depth: int = 4,
        learning_rate: float = 0.07,
        minibatch_frac: float = 0.7,
        col_sample: float = 0.3,
        target_transform: Transform | None = None,
        random_state: int | RandomState | None = None,
    ) -> None:
        self.n_estimators = n_estimators
        self.max_depth = max_depth
        self.learning_rate = learning_rate
        self.minibatch_frac = minibatch_frac
        self.col_sample = col_sample
        self.target_transform = target_transform
        self.random_state = random_state

    def _fit(self, X: Floats, y: Floats) -> None:
        check_integers(self, 1, "n_estimators", "max_depth")
        check_numbers(self, 0, 1, "learning_rate", "minibatch_frac", "col_sample", open_high=False)
        seed = self._seed()
        self.boosting_ = self._boosted(X, y, seed)
        self.floor_, self.inflation_ = 0.0, 1.0
        if len(y) >= _LEAST:
            self._calibrate(X, y, seed)

    def _calibrate(self, X: Floats, y: Floats, seed: int) -> None:
        quarters = np.array_split(np.random.default_rng(seed).permutation(len(y)), 4)
        errors, stds = [], []
        for held_out in quarters[:2]:
            rest = np.setdiff1d(np.arange(len(y)), held_out)
            mean, std = _distribution(self._boosted(X[rest], y[rest], seed), X[held_out])
            errors.append(mean - y[held_out])
            stds.append(std)
        deviations = np.concatenate(stds)
        self.floor_ = _FLOOR * float((deviations**2).mean())
        deviations = np.sqrt(deviations**2 + self.floor_)
        self.inflation_ = inflation(np.concatenate(errors), deviations)

    def _boosted(self, X: Floats, y: Floats, seed: int) -> Any:
        if (y == y[0]).all():
            return float(y[0])
        tree = DecisionTreeRegressor(max_depth=self.max_depth, splitter="random", random_state=seed)
        boosting = ngboost.NGBRegressor(
            Base=tree,
            n_estimators=self.n_estimators,
            learning_rate=self.learning_rate,
            minibatch_frac=self.minibatch_frac,
            col_sample=self.col_sample,
            random_state=seed,
            verbose=False,
        )
        return boosting.fit(X, y)

    def _predict_with_std(self, X: Floats) -> tuple[Floats, Floats]:
        mean, std = _distribution(self.boosting_, X)
        return mean, self.inflation_ * np.sqrt(std**2 + self.floor_)


def _distribution(boosting: Any, X: Floats) -> tuple[Floats, Floats]:
    """Return mean and deviation of rows; a number is what constant targets are predicted to be."""
    if isinstance(boosting, float):
        return np.full(len(X), boosting), np.zeros(len(X))
    found = boosting.pred_dist(X).params
    return np.asarray(found["loc"]), np.asarray(found["scale"])
