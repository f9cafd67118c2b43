"""The default: linear, kernel, tree and graph models, stacked, with calibrated deviations.

Wolpert, "Stacked Generalization", Neural Networks 5, 1992; Breiman, "Stacked Regressions", Machine
Learning 24, 1996, for weights that are not negative; Breiman, "Bagging Predictors", Machine
Learning 24, 1996.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.random import RandomState
from scipy.optimize import nnls
from sklearn.model_selection import GroupKFold

from workbench import registry
from workbench.encodings._parameters import check_integers
from workbench.errors import MissingExtra
from workbench.predictors._base import OnArchitectures, Predictor, ProbabilisticPredictor
from workbench.predictors._intervals import inflation
from workbench.predictors._pipeline import encoding_of, has_graphs
from workbench.predictors._targets import Targets, Transform
from workbench.predictors._tuning import SearchSpace
from workbench.predictors.gaussian_process import GaussianProcess
from workbench.predictors.ridge import Ridge
from workbench.predictors.xgboost import XGBoost
from workbench.spaces import Space
from workbench.types import Floats, Ints

_LIKE_EQUAL = 10
_LEAST = 10


class Auto(OnArchitectures, ProbabilisticPredictor):
    """What to take when nothing is known of the space, from tens of labels to thousands.

    A Gaussian process (Matern 3/2), ridge regression and boosted trees are fitted to normal
    quantiles of the targets, boosted trees once more to the targets themselves. From
    ``networks_from`` labels on, perceptrons join them and, where the space has graphs, graph
    convolutional networks, one for each fold of a cross-validation, left out of its training. All
    predictions, as quantiles, are summed with weights that the cross-validation chooses and draws a
    little towards equal ones. The deviation is that of the process, times the factor by which its
    90 % intervals cover 90 % of the errors of the cross-validation.

    Parameters
    ----------
    space : Space or None, default None
        With a space the predictor takes architectures and encodes them itself, by
        ``graph_features``, or ``hyperparameters`` where there are no graphs; without, it takes
        features, and no graph network joins.
    folds : int, default 4
        Folds of the cross-validation; rows of equal features are never split. With fewer than ten
        different rows there is none, weights are equal, and no network joins.
    most_rows : int, default 1500
        The process, the cross-validation and the networks see so many rows at most, drawn at
        random; ridge regression and boosted trees see all.
    networks_from : int, default 300
        Labels from which on networks join: with 1,000, a fit takes 15 s instead of 2. They need
        torch; where it is missing they are left out with a warning.
    target_transform : {None, "rank", "quantile"}, default None
        What the targets are fitted as.
    random_state : int, RandomState or None
        Seed.

    Attributes
    ----------
    weights_ : ndarray of shape (m,)
        Of the process, ridge regression, trees on quantiles, trees on targets and, where they
        joined, perceptrons and graph networks.
    """

    READS_GRAPHS = False
    NEEDS_SPACE = False

    SEARCH_SPACE: ClassVar[SearchSpace] = {
        "folds": [3, 4, 8],
        "target_transform": [None, "quantile"],
    }

    def __init__(
        self,
        space: Space | None = None,
        folds: int = 4,
        most_rows: int = 1500,
        networks_from: int = 300,
        target_transform: Transform | None = None,
        random_state: int | RandomState | None = None,
    ) -> None:
        self.space = space
        self.folds = folds
        self.most_rows = most_rows
        self.networks_from = networks_from
        self.target_transform = target_transform
        self.random_state = random_state

    def _fit(self, X: Any, y: Floats) -> None:
        check_integers(self, 2, "folds")
        check_integers(self, 10, "most_rows", "networks_from")
        seed = self._seed()
        self.quantiles_ = Targets.of(y, "quantile")
        self.encoding_ = None if self.space is None else encoding_of(self, None, self.space).fit(X)
        rows = self._both(X)
        some = np.random.default_rng(seed).permutation(len(y))[: self.most_rows]
        self.process_ = _process(seed).fit(rows.features[some], y[some])
        self.plain_ = [model.fit(rows.features, y) for model in _plain(seed)]
        self.folds_: list[list[Predictor]] = [[]]
        self.weights_ = np.full(1 + len(self.plain_), 1 / (1 + len(self.plain_)))
        self.inflation_ = 1.0
        splits = list(self._splits(rows.features[some]))
        if splits:
            self._stack(rows.at(some), y[some], splits, seed)

    def _stack(self, rows: _Rows, y: Floats, splits: list[tuple[Ints, Ints]], seed: int) -> None:
        kinds = self._networks() if len(y) >= self.networks_from else []
        self.folds_ = []
        columns, stds = [], np.empty(len(y))
        for train, test in splits:
            known = rows.at(train)
            process = _process(seed).fit(known.features, y[train])
            plain = [model.fit(known.features, y[train]) for model in _plain(seed, quick=True)]
            own = {"target_transform": "quantile", "random_state": seed + len(self.folds_)}
            networks = [make(**own) for make in kinds]
            self.folds_.append([model.fit(known.of(model), y[train]) for model in networks])
            found, stds[test] = self._members(rows.at(test), process, plain, self.folds_[-1:])
            columns.append(found)
        order = np.argsort(np.concatenate([test for _, test in splits]))
        together = np.concatenate(columns)[order]
        self.weights_ = _weights(together, self.quantiles_.see(y))
        mean = together @ self.weights_
        errors = self.quantiles_.back(mean) - y
        self.inflation_ = inflation(errors, self.quantiles_.spread_back(mean, stds))

    def _splits(self, X: Floats) -> Iterator[tuple[Ints, Ints]]:
        _, groups = np.unique(X, axis=0, return_inverse=True)
        if groups.max() + 1 < max(_LEAST, self.folds):
            return iter(())
        return iter(GroupKFold(self.folds).split(X, groups=groups))

    def _networks(self) -> list[partial[Predictor]]:
        """Return what makes the networks that are to be had; several of them need fewer epochs."""
        try:
            mlp: Callable[..., Predictor] = registry.load("predictors", "mlp")
            kinds = [partial(mlp, width=32, epochs=40)]
            if self.space is not None and has_graphs(self.space):
                gcn: Callable[..., Predictor] = registry.load("predictors", "gcn")
                kinds.append(
                    partial(gcn, self.space, epochs=40, batch_size=64, learning_rate=0.005)
                )
        except MissingExtra as error:
            text = f"auto goes without its networks, and predicts a little worse: {error}"
            warnings.warn(text, stacklevel=5)
            return []
        return kinds

    def _both(self, X: Any) -> _Rows:
        return _Rows(X, X if self.encoding_ is None else self.encoding_.transform(X))

    def _members(
        self, rows: _Rows, process: Any, plain: list[Any], folds: list[list[Predictor]]
    ) -> tuple[Floats, Floats]:
        """Return predictions as quantiles, ``(n, m)``, and the deviations of the process.

        A kind of network predicts the mean over its ``folds``.
        """
        mean, std = process.predict(rows.features, return_std=True)
        seen = self.quantiles_.see
        means = [seen(one) for one in (mean, *(model.predict(rows.features) for model in plain))]
        means += [
            np.mean([seen(model.predict(rows.of(model))) for model in kind], axis=0)
            for kind in zip(*folds, strict=True)
        ]
        spread = seen(mean + std) - seen(mean - std)
        return np.stack(means, axis=1), spread / 2

    def _predict_with_std(self, X: Any) -> tuple[Floats, Floats]:
        members, std = self._members(self._both(X), self.process_, self.plain_, self.folds_)
        mean = members @ self.weights_
        spread = self.quantiles_.spread_back(mean, std)
        return self.quantiles_.back(mean), self.inflation_ * spread


class _Rows(NamedTuple):
    """Rows as they were given and their features, ``(n, k)``: the same where there is no space."""

    given: Any
    features: Floats

    def at(self, places: Ints) -> _Rows:
        return _Rows(self.given[places], self.features[places])

    def of(self, model: Predictor) -> Any:
        return self.given if isinstance(model, OnArchitectures) else self.features


def _process(seed: int) -> GaussianProcess:
    return GaussianProcess("matern32", target_transform="quantile", random_state=seed)


def _plain(seed: int, quick: bool = False) -> list[Predictor]:
    trees, rate = (100, 0.12) if quick else (300, 0.05)
    transforms: list[Transform | None] = ["quantile", None]
    boosted = [
        XGBoost(trees, None, rate, target_transform=transform, random_state=seed)
        for transform in transforms
    ]
    return [Ridge(), *boosted]


def _weights(found: Floats, wanted: Floats) -> Floats:
    """Return weights >= 0 of least squared error, drawn towards equal ones.

    By a penalty worth ten rows, and by a part that is always shared out equally: where few labels
    let no member predict anything, they would all be 0 and rank nothing.
    """
    rows, members = found.shape
    equal = np.full(members, 1 / members)
    pull = _LIKE_EQUAL**0.5
    left = np.concatenate([found, pull * np.eye(members)])
    right = np.concatenate([wanted, pull * equal])
    shared = min(0.2, _LIKE_EQUAL / rows)
    return np.asarray((1 - shared) * nnls(left, right)[0] + shared * equal)
