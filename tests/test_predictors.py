"""Predictors against independent formulas; the contract suite runs in test_strategy_contracts."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import norm, rankdata
from sklearn.model_selection import GridSearchCV

from workbench import registry
from workbench.data._open import benchmark
from workbench.errors import ParameterError, WorkbenchError
from workbench.predictors._forest import _out_of_bag
from workbench.predictors._pipeline import pipeline
from workbench.predictors._targets import Targets
from workbench.predictors.extra_trees import ExtraTrees
from workbench.predictors.mlp_ensemble import MLPEnsemble
from workbench.predictors.random_forest import RandomForest
from workbench.predictors.xgboost import XGBoost
from workbench.types import Floats


def _data(n: int = 100) -> tuple[Floats, Floats]:
    rng = np.random.default_rng(0)
    X = rng.integers(0, 4, (n, 8)).astype(np.float64)
    return X, 50 + X[:, 0] * X[:, 1] - X[:, 2] + rng.standard_normal(n)


@pytest.mark.parametrize("cls", [ExtraTrees, RandomForest])
def test_forest_deviation_is_that_of_the_mixture_of_leaves(cls: type[ExtraTrees]) -> None:
    """Each leaf as its training targets: mean and variance of the mixture, one target at a time.

    What calibration adds and multiplies is taken off again.
    """
    X, y = _data()
    model = cls(n_estimators=5, min_samples_leaf=4, random_state=0).fit(X, y)
    mean, std = model.predict(X[:10], return_std=True)
    for row in range(10):
        means, variances = [], []
        for number, tree in enumerate(model.forest_.estimators_):
            drawn = np.arange(len(X))
            if model.forest_.bootstrap:
                drawn = model.forest_.estimators_samples_[number]
            leaf = tree.apply(X[[row]])[0]
            targets = y[drawn][tree.apply(X[drawn]) == leaf]
            means.append(targets.mean())
            variances.append(targets.var())
        assert mean[row] == pytest.approx(np.mean(means))
        variance = (std[row] / model.inflation_) ** 2 - model.floor_ * y.var()
        assert variance == pytest.approx(np.mean(variances) + np.var(means), rel=1e-3)


@pytest.mark.parametrize("cls", [ExtraTrees, RandomForest])
def test_out_of_bag_moments_are_those_of_trees_that_did_not_see_a_row(
    cls: type[ExtraTrees],
) -> None:
    X, y = _data(30)
    rows = X.astype(np.float32)
    forest = cls._KIND(n_estimators=20, bootstrap=True, random_state=0).fit(X, y)
    mean, variance = _out_of_bag(forest, X)
    for row in range(len(X)):
        blind = [
            tree.tree_
            for tree, drawn in zip(forest.estimators_, forest.estimators_samples_, strict=True)
            if row not in drawn
        ]
        leaves = [(tree, tree.apply(rows[[row]])[0]) for tree in blind]
        means = [tree.value[leaf, 0, 0] for tree, leaf in leaves]
        impurities = [tree.impurity[leaf] for tree, leaf in leaves]
        assert mean[row] == pytest.approx(np.mean(means))
        wanted = np.mean(impurities) + np.var(means)
        assert variance[row] == pytest.approx(wanted, abs=1e-8)


def test_ensemble_deviation_is_that_across_its_members() -> None:
    X, y = _data()
    model = MLPEnsemble(members=3, epochs=5, random_state=0).fit(X, y)
    mean, std = model.predict(X, return_std=True)
    inputs = ((X - X.mean(0)) / X.std(0)).astype(np.float32)
    outputs = []
    for member in range(3):
        values = inputs
        for weight, bias in model.layers_[:-1]:
            values = np.maximum(values @ weight[member] + bias[member], 0)
        weight, bias = model.layers_[-1]
        outputs.append(y.mean() + y.std() * (values @ weight[member] + bias[member])[:, 0])
    assert np.allclose(mean, np.mean(outputs, axis=0), atol=1e-3)
    wanted = np.hypot(np.std(outputs, axis=0), y.std() * model.noise_**0.5)
    assert np.allclose(std, wanted, atol=1e-3)


def test_ensemble_leaves_torch_as_it_was() -> None:
    X, y = _data()
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    MLPEnsemble(epochs=2, random_state=0).fit(X, y).predict(X)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_num_threads() == threads


def test_ensemble_is_quick() -> None:
    """100 rows in .4 s on one core, with a margin for a busy machine."""
    X, y = _data()
    MLPEnsemble(random_state=0).fit(X, y)
    start = time.process_time()
    MLPEnsemble(random_state=0).fit(X, y)
    assert time.process_time() - start < 0.8


@pytest.mark.parametrize(
    ("model", "name"),
    [
        (XGBoost(n_estimators=0), "n_estimators"),
        (XGBoost(learning_rate=2), "learning_rate"),
        (ExtraTrees(n_estimators=-1), "n_estimators"),
        (MLPEnsemble(members=0), "members"),
        (MLPEnsemble(learning_rate=-1), "learning_rate"),
    ],
)
def test_wrong_parameters_are_named(model: Any, name: str) -> None:
    X, y = _data()
    with pytest.raises(ParameterError, match=f"The '{name}' parameter of {type(model).__name__}"):
        model.fit(X, y)


def test_predictors_are_tuned_like_any_regressor() -> None:
    X, y = _data()
    search = GridSearchCV(XGBoost(n_estimators=30, random_state=0), {"max_depth": [1, 3]}, cv=3)
    assert search.fit(X, y).best_params_ == {"max_depth": 3}


def test_xgboost_is_found_beside_its_namesake() -> None:
    """The file is named like the package that it imports; either order must do."""
    code = "import workbench.predictors.xgboost as a, xgboost as b; assert a.xgboost is b"
    environment = {"PYTHONPATH": ".", "PATH": "/usr/bin"}
    for order in (code, f"import xgboost; {code}"):
        subprocess.run([sys.executable, "-c", order], check=True, env=environment)


@pytest.mark.parametrize("name", registry.names("predictors"))
def test_targets_can_be_transformed_for_every_predictor(name: str) -> None:
    assert "target_transform" in registry.load("predictors", name)._get_param_names()


def test_missing_targets_may_be_none() -> None:
    X, y = _data()
    gaps: Any = [None, None, *y[2:].tolist()]
    with pytest.warns(UserWarning, match="2 of 100 targets are NaN"):
        found = XGBoost(random_state=0).fit(X, gaps).predict(X)
    assert (found == XGBoost(random_state=0).fit(X[2:], y[2:]).predict(X)).all()
    with pytest.raises(ValueError, match="all 100 targets are NaN"):
        XGBoost().fit(X, np.full(100, np.nan))


@pytest.mark.parametrize("scale", [1e300, 1e-300])
def test_targets_beyond_numbers_are_refused(scale: float) -> None:
    X, y = _data()
    with pytest.raises(ValueError, match="rescale them"):
        XGBoost().fit(X, scale * y)


@pytest.mark.parametrize("transform", [None, "rank", "quantile"])
def test_transformed_targets_come_back_in_order(transform: Any) -> None:
    """The map is strictly rising, exact at the training targets, and goes on beyond them."""
    y = np.array([3.0, 1.0, 1.0, 2.0, 10.0, -5.0])
    targets = Targets.of(y, transform)
    seen = targets.see(y)
    assert seen.mean() == pytest.approx(0, abs=1e-12)
    assert seen.std() == pytest.approx(1)
    assert targets.back(seen) == pytest.approx(y)
    grid = np.linspace(-4, 4, 200)
    assert (np.diff(targets.back(grid)) > 0).all()
    if transform == "quantile":
        ranks = (rankdata(y) - 0.375) / 6.25
        expected = norm.ppf(ranks)
        assert seen == pytest.approx((expected - expected.mean()) / expected.std())


def test_numpy_numbers_are_numbers_and_true_is_none() -> None:
    X, y = _data()
    made = MLPEnsemble(members=np.int64(2), depth=np.int32(1), learning_rate=np.float32(0.01))  # type: ignore[arg-type]
    made.fit(X, y)
    with pytest.raises(ParameterError, match="'members' parameter of MLPEnsemble must be an int"):
        MLPEnsemble(members=True).fit(X, y)
    with pytest.raises(ParameterError, match="'loss' parameter of MLPEnsemble must be one of"):
        MLPEnsemble(loss=["mae"]).fit(X, y)  # type: ignore[arg-type]


def test_pipelines_by_name() -> None:
    bench = benchmark("nb201/cifar10")
    archs = bench.space.sample(60, np.random.default_rng(0))
    union = pipeline("nb201", {"name": "ridge"}, ["one_hot", {"name": "path", "k": 30}])
    assert union.fit(archs, bench.truth(archs)).predict(archs).shape == (60,)
    assert union.named_steps["encoding"].transform(archs).shape == (60, 60)
    assert type(pipeline("nb201")).__name__ == "Auto"
    assert type(pipeline("nb201", "auto", "path").named_steps["predictor"]).__name__ == "Auto"
    assert type(pipeline("fcnet", "ridge").named_steps["encoding"]).__name__ == "Hyperparameters"
    assert type(pipeline("nb201", "gcn")).__name__ == "GCN"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("fcnet", "gcn"), "gcn reads graphs and the architectures of fcnet have none"),
        (("nb201", "gcn", "one_hot"), "takes architectures as they are"),
        (("nb201", {"name": "xgboost", "max_dept": 3}), "did you mean 'max_depth'"),
        (("nb201", "ridge", {"name": "path", "foo": 1}), "unknown parameter 'foo' = 1 of Path"),
        (("nb201", "ridge", []), "a list of at least one encoding"),
        (("nb201", {"max_depth": 3}), "a mapping with the key 'name'"),
        (("nb2O1", "ridge"), "did you mean 'nb201'"),
        (("nb201", "rigde"), "did you mean 'ridge'"),
    ],
)
def test_pipelines_say_what_is_wrong(arguments: Any, words: str) -> None:
    with pytest.raises(WorkbenchError) as caught:
        pipeline(*arguments)
    assert words in str(caught.value)
    assert "<space" not in str(caught.value)
