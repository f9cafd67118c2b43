"""Tuning: what is searched, seeds, pipelines, refusals."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest
from scipy.stats import kendalltau
from sklearn.base import clone
from sklearn.linear_model import Lasso
from sklearn.model_selection import KFold, ParameterSampler
from sklearn.pipeline import make_pipeline

from workbench import registry
from workbench.encodings.one_hot import OneHot
from workbench.errors import ParameterError
from workbench.predictors._base import OnArchitectures
from workbench.predictors._pipeline import pipeline
from workbench.predictors._tuning import tune
from workbench.predictors.ridge import Ridge
from workbench.predictors.xgboost import XGBoost
from workbench.spaces import space
from workbench.types import Floats

NB201 = space("nb201")
CLASSICAL = [
    "auto",
    "bayesian_ridge",
    "extra_trees",
    "gaussian_process",
    "lightgbm",
    "nasbowl",
    "ngboost",
    "random_forest",
    "ridge",
    "sparse_gp",
    "weaknas",
    "xgboost",
]


def _data(n: int = 60) -> tuple[Floats, Floats]:
    rng = np.random.default_rng(0)
    X = rng.integers(0, 4, (n, 5)).astype(np.float64)
    return X, X[:, 0] * X[:, 1] - X[:, 2] + 0.3 * rng.standard_normal(n)


@pytest.mark.parametrize("name", CLASSICAL)
def test_every_search_space_holds_parameters_that_fit(name: str) -> None:
    cls = registry.load("predictors", name)
    rows = NB201.sample(40, np.random.default_rng(0))
    X, y = (rows, (rows == 3).sum(1) * 1.0) if issubclass(cls, OnArchitectures) else _data(40)
    first = (NB201,) if issubclass(cls, OnArchitectures) else ()
    for setting in ParameterSampler(dict(cls.SEARCH_SPACE), 2, random_state=0):
        slow = {"n_estimators": 20} if "n_estimators" in setting else {}
        found = cls(*first).set_params(**setting | slow).fit(X, y).predict(X)
        assert np.isfinite(found).all(), setting


def test_the_best_setting_is_that_of_the_best_mean_tau() -> None:
    X, y = _data()
    search = tune(Ridge(), n_trials=100, seed=3).fit(X, y)
    scores = {}
    for transform in (None, "rank", "quantile"):
        taus = []
        for train, test in KFold(5, shuffle=True, random_state=3).split(X):
            model = Ridge(target_transform=transform).fit(X[train], y[train])
            taus.append(kendalltau(model.predict(X[test]), y[test]).statistic)
        scores[transform] = np.mean(taus)
    assert search.best_score_ >= max(scores.values()) - 1e-12
    assert len(search.cv_results_["params"]) == 9, "a space of nine settings has no tenth"


def test_same_seed_same_search() -> None:
    X, y = _data()
    space_ = {"max_depth": [1, 2, 4], "learning_rate": [0.05, 0.2], "n_estimators": [20]}
    first, again, other = (
        tune(XGBoost(), n_trials=4, seed=seed, search_space=space_).fit(X, y) for seed in (0, 0, 1)
    )
    assert first.best_params_ == again.best_params_
    assert (first.predict(X) == again.predict(X)).all()
    assert first.cv_results_["params"] != other.cv_results_["params"]
    assert clone(first).get_params()["n_iter"] == 4


@pytest.mark.parametrize("steps", ["made", "named"])
def test_pipelines_are_tuned_in_their_last_step(steps: str) -> None:
    rows = NB201.sample(50, np.random.default_rng(0))
    y = (rows == 3).sum(1) + np.random.default_rng(1).standard_normal(50)
    made: Any = make_pipeline(OneHot(NB201), Ridge())
    model = made if steps == "made" else pipeline(NB201, "ridge", "one_hot")
    search = tune(model, n_trials=3).fit(rows, y)
    prefix = "ridge__" if steps == "made" else "predictor__"
    assert all(key.startswith(prefix) for key in search.best_params_)
    assert search.predict(rows).shape == (50,)


def test_the_predictor_is_left_as_it_is() -> None:
    model = XGBoost(n_estimators=5)
    tune(model, n_trials=1, search_space={"max_depth": [2]}).fit(*_data())
    assert model.random_state is None
    assert not hasattr(model, "booster_")


def test_refusals() -> None:
    with pytest.raises(ParameterError, match="Lasso has no SEARCH_SPACE to tune over"):
        tune(Lasso())
    with pytest.raises(ParameterError, match="Ridge has no parameter 'alpha' to tune"):
        tune(Ridge(), search_space={"alpha": [1]})


@pytest.mark.parametrize("name", registry.names("predictors"))
def test_every_predictor_has_a_space_of_its_own_parameters(name: str) -> None:
    cls = registry.load("predictors", name)
    known = inspect.signature(cls).parameters
    assert cls.SEARCH_SPACE
    assert set(cls.SEARCH_SPACE) <= set(known)
    made = cls(NB201) if "space" in known else cls()
    search = tune(made, n_trials=2, seed=0)
    assert search.n_iter == 2
