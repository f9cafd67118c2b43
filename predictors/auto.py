"""The default: boosted trees and a Gaussian process, stacked, with calibrated deviations.

Wolpert, "Stacked Generalization", Neural Networks 5, 1992; Breiman, "Stacked Regressions", Machine
Learning 24, 1996, for weights that are not negative.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
from numpy.random import RandomState
from scipy.optimize import nnls
from sklearn.model_selection import GroupKFold

from workbench.encodings._parameters import check_integers
from workbench.predictors._base import ProbabilisticPredictor
from workbench.predictors._intervals import inflation
from workbench.predictors._targets import Targets, Transform
from workbench.predictors._tuning import SearchSpace
from workbench.predictors.gaussian_process import GaussianProcess
from workbench.predictors.xgboost import XGBoost
from workbench.types import Floats, Ints

_LIKE_EQUAL = 0.05
_SHARED = 0.1
_LEAST = 10


class Auto(ProbabilisticPredictor):
    """What to take when nothing is known of the space, from tens of labels to thousands.

    A Gaussian process (Matern 3/2) and boosted trees are fitted to normal quantiles of the targets,
    boosted trees once more to the targets themselves. Their predictions, as quantiles, are summed
    with weights that cross-validation chooses and draws a little towards equal ones. The deviation
    is that of the process, times the factor by which its 90 % intervals cover 90 % of the errors of
    the cross-validation.

    Parameters
    ----------
    folds : int, default 4
        Folds of the cross-validation; rows of equal features are never split. With fewer than ten
        different rows there is none, and weights are equal.
    most_rows : int, default 1500
        The process and the cross-validation see so many rows at most, drawn at random; boosted
        trees see all.
    target_transform : {None, "rank", "quantile"}, default None
        What the targets are fitted as.
    random_state : int, RandomState or None
        Seed.
    """

    SEARCH_SPACE: ClassVar[SearchSpace] = {
        "folds": [3, 4, 8],
        "target_transform": [None, "quantile"],
    }

    def __init__(
        self,
        folds: int = 4,
        most_rows: int = 1500,
        target_transform: Transform | None = None,
        random_state: int | RandomState | None = None,
    ) -> None:
        self.folds = folds
        self.most_rows = most_rows
        self.target_transform = target_transform
        self.random_state = random_state

    def _fit(self, X: Floats, y: Floats) -> None:
        check_integers(self, 2, "folds")
        check_integers(self, 10, "most_rows")
        seed = self._seed()
        self.quantiles_ = Targets.of(y, "quantile")
        some = np.random.default_rng(seed).permutation(len(X))[: self.most_rows]
        self.weights_ = np.full(3, 1 / 3)
        self.inflation_ = 1.0
        splits = list(self._splits(X[some]))
        if splits:
            self._stack(X[some], y[some], splits, seed)
        self.process_, self.boosted_ = _process(X[some], y[some], seed), _boosted(X, y, seed)

    def _stack(self, X: Floats, y: Floats, splits: list[tuple[Ints, Ints]], seed: int) -> None:
        found, stds = np.empty((len(X), 3)), np.empty(len(X))
        for train, test in splits:
            process = _process(X[train], y[train], seed)
            boosted = _boosted(X[train], y[train], seed, quick=True)
            found[test], stds[test] = self._members(X[test], process, boosted)
        self.weights_ = _weights(found, self.quantiles_.see(y))
        mean = found @ self.weights_
        errors = self.quantiles_.back(mean) - y
        self.inflation_ = inflation(errors, self.quantiles_.spread_back(mean, stds))

    def _splits(self, X: Floats) -> Iterator[tuple[Ints, Ints]]:
        _, groups = np.unique(X, axis=0, return_inverse=True)
        if groups.max() + 1 < max(_LEAST, self.folds):
            return iter(())
        return iter(GroupKFold(self.folds).split(X, groups=groups))

    def _members(self, X: Floats, process: Any, boosted: Any) -> tuple[Floats, Floats]:
        """Return predictions as quantiles, ``(n, 3)``, and the deviations of the process."""
        mean, std = process.predict(X, return_std=True)
        seen = self.quantiles_.see
        means = [seen(one) for one in (mean, *(model.predict(X) for model in boosted))]
        spread = seen(mean + std) - seen(mean - std)
        return np.stack(means, axis=1), spread / 2

    def _predict_with_std(self, X: Floats) -> tuple[Floats, Floats]:
        members, std = self._members(X, self.process_, self.boosted_)
        mean = members @ self.weights_
        spread = self.quantiles_.spread_back(mean, std)
        return self.quantiles_.back(mean), self.inflation_ * spread


def _process(X: Floats, y: Floats, seed: int) -> GaussianProcess:
    model = GaussianProcess("matern32", target_transform="quantile", random_state=seed)
    return model.fit(X, y)


def _boosted(X: Floats, y: Floats, seed: int, quick: bool = False) -> list[XGBoost]:
    trees, rate = (100, 0.12) if quick else (300, 0.05)
    transforms: list[Transform | None] = ["quantile", None]
    models = [XGBoost(trees, None, rate, target_transform=t, random_state=seed) for t in transforms]
    return [model.fit(X, y) for model in models]


def _weights(found: Floats, wanted: Floats) -> Floats:
    """Return weights >= 0 of least squared error, drawn towards equal ones.

    By a penalty, and by a part that is always shared out equally: where few labels let no member
    predict anything, they would all be 0 and rank nothing.
    """
    rows, members = found.shape
    equal = np.full(members, 1 / members)
    pull = (_LIKE_EQUAL * rows) ** 0.5
    left = np.concatenate([found, pull * np.eye(members)])
    right = np.concatenate([wanted, pull * equal])
    return np.asarray((1 - _SHARED) * nnls(left, right)[0] + _SHARED * equal)
