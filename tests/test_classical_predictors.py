"""Linear, kernel and boosted predictors against closed forms, scikit-learn and held-out errors."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.stats import kendalltau
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, Matern, WhiteKernel

from workbench import registry
from workbench.data._open import benchmark
from workbench.encodings.graph_features import GraphFeatures
from workbench.encodings.wl import WL
from workbench.errors import ParameterError
from workbench.predictors import _kernels
from workbench.predictors._gp import Posterior, log_likelihood
from workbench.predictors._inducing import SparsePosterior, evidence_bound, spread_out
from workbench.predictors._intervals import inflation
from workbench.predictors._scaling import Scaling
from workbench.predictors._subtrees import Forestry, SubtreeMatern, products
from workbench.predictors.auto import Auto
from workbench.predictors.bayesian_ridge import BayesianRidge
from workbench.predictors.extra_trees import ExtraTrees
from workbench.predictors.gaussian_process import GaussianProcess
from workbench.predictors.nasbowl import NASBOWL
from workbench.predictors.ridge import Ridge
from workbench.predictors.sparse_gp import SparseGP
from workbench.predictors.weaknas import WeakNAS
from workbench.predictors.xgboost import XGBoost
from workbench.spaces import space
from workbench.types import Floats

NB201 = space("nb201")
LOGS = np.log([1.7, 0.05, 0.8])


def _data(n: int = 60, width: int = 4) -> tuple[Floats, Floats]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, width))
    return X, np.sin(2 * X[:, 0]) + 0.5 * X[:, 1] + 0.1 * rng.standard_normal(n)


def _sklearn(kernel: Any, noise: float) -> GaussianProcessRegressor:
    total = ConstantKernel(1.7) * kernel + WhiteKernel(noise)
    return GaussianProcessRegressor(total, optimizer=None)


# -- Gaussian processes ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("own", "other"),
    [
        (_kernels.RBF(), lambda scale: RBF(scale)),
        (_kernels.Matern32(), lambda scale: Matern(scale, nu=1.5)),
        (_kernels.Matern52(), lambda scale: Matern(scale, nu=2.5)),
    ],
)
def test_process_equals_that_of_scikit_learn(
    own: _kernels.Kernel, other: Callable[[float], Any]
) -> None:
    """Our distances are means over features, hence the root of their number."""
    X, y = _data()
    more = _data(80)[0][60:]
    reference = _sklearn(other(0.8 * X.shape[1] ** 0.5), 0.05).fit(X, y)
    value, _ = log_likelihood(own, LOGS, own.compare(X, X), y)
    assert value == pytest.approx(reference.log_marginal_likelihood(), rel=1e-6)
    posterior = Posterior(own, LOGS, X, y)
    mean, std = posterior.mean_and_std(more)
    wanted, wanted_std = reference.predict(more, return_std=True)
    assert np.allclose(mean, wanted, atol=1e-6)
    assert np.allclose(std, wanted_std, atol=1e-6)
    assert np.allclose(posterior.mean(more), mean)


def _slopes(value: Callable[[Floats], float], at: Floats) -> Floats:
    """Return central differences."""
    steps = 1e-5 * np.eye(len(at))
    return np.array([(value(at + step) - value(at - step)) / 2e-5 for step in steps])


def _kind(kernel: object) -> str:
    return type(kernel).__name__


KERNELS = [
    *(make() for make in _kernels.KERNELS.values()),
    _kernels.Relevance(_kernels.Matern52(), 4),
    _kernels.Relevance(_kernels.Matern32(), 4),
]


@pytest.mark.parametrize("kernel", KERNELS, ids=_kind)
def test_gradients_of_the_likelihood(kernel: _kernels.Kernel) -> None:
    X, y = _data(25)
    X = X.round()
    logs = np.random.default_rng(1).normal(-0.3, 0.3, 2 + kernel.size)
    compared = kernel.compare(X, X)
    _, gradient = log_likelihood(kernel, logs, compared, y)
    found = _slopes(lambda at: log_likelihood(kernel, at, compared, y)[0], logs)
    assert np.allclose(gradient, found, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kernel", KERNELS, ids=_kind)
def test_gradients_of_the_bound(kernel: _kernels.Kernel) -> None:
    X, y = _data(25)
    logs = np.random.default_rng(1).normal(-0.3, 0.3, 2 + kernel.size)
    compared = kernel.compare(X[:7], X[:7]), kernel.compare(X[:7], X)
    _, gradient = evidence_bound(kernel, logs, compared, y)
    found = _slopes(lambda at: evidence_bound(kernel, at, compared, y)[0], logs)
    assert np.allclose(gradient, found, rtol=1e-5, atol=1e-5)


def test_hamming_kernel_by_hand() -> None:
    kernel = _kernels.Hamming()
    A, B = np.array([[0.0, 1.0, 2.0], [9.0, 9.0, 9.0]]), np.array([[0.0, 1.0, 5.0]])
    found = kernel.value(np.log([0.5]), kernel.compare(A, B))
    assert np.allclose(found[:, 0], np.exp([-(1 / 3) / 0.25, -1 / 0.25]))


def test_hamming_kernel_of_many_values_and_of_few() -> None:
    rng = np.random.default_rng(0)
    A, B = (np.stack([rng.integers(0, 3, n), rng.integers(0, 90, n)], 1) for n in (200, 300))
    wanted = (A[:, None] != B).mean(2)
    found = _kernels.Hamming().compare(A.astype(float), B.astype(float))
    assert np.allclose(found, wanted)


def test_sparse_process_is_exact_with_all_rows_inducing() -> None:
    X, y = _data()
    more = _data(80)[0][60:]
    kernel = _kernels.Matern52()
    compared = kernel.compare(X, X)
    bound, _ = evidence_bound(kernel, LOGS, (compared, compared), y)
    assert bound == pytest.approx(log_likelihood(kernel, LOGS, compared, y)[0], abs=0.01)
    exact = Posterior(kernel, LOGS, X, y).mean_and_std(more)
    sparse = SparsePosterior(kernel, LOGS, X, (X, y)).mean_and_std(more)
    assert np.allclose(exact, sparse, atol=1e-3)


def test_bound_lies_below_the_likelihood() -> None:
    X, y = _data()
    kernel = _kernels.Matern52()
    few = X[:10]
    bound, _ = evidence_bound(kernel, LOGS, (kernel.compare(few, few), kernel.compare(few, X)), y)
    assert bound < log_likelihood(kernel, LOGS, kernel.compare(X, X), y)[0] - 1


def test_sparse_predictor_follows_the_exact_one() -> None:
    X, y = _data(150)
    exact = GaussianProcess(random_state=0).fit(X[:100], y[:100])
    sparse = SparseGP(inducing=100).fit(X[:100], y[:100])
    wanted, wanted_std = exact.predict(X[100:], return_std=True)
    found, found_std = sparse.predict(X[100:], return_std=True)
    assert np.allclose(found, wanted, atol=0.02)
    assert np.allclose(found_std, wanted_std, atol=0.02)


def test_inducing_rows_do_not_repeat() -> None:
    X, _ = _data(10)
    chosen = spread_out(_kernels.Matern52(), np.concatenate([X, X, X]), 30)
    assert len(chosen) == 10
    assert len(np.unique(np.concatenate([X, X, X])[chosen], axis=0)) == 10


def test_process_learns_noise_and_relevance() -> None:
    X, y = _data(300)
    model = GaussianProcess(ard=True, random_state=0).fit(X, y)
    noise = model.posterior_.noise * y.var()
    assert 0.005 < noise < 0.02, "of a variance of .01"
    lengths = np.exp(model.posterior_.logs[2:])
    assert lengths[0] < lengths[2:].min()


def test_learning_on_some_rows_predicts_from_all() -> None:
    X, y = _data(200)
    model = GaussianProcess(learning_rows=50, random_state=0).fit(X, y)
    assert len(model.posterior_.rows) == 200
    whole = GaussianProcess(random_state=0).fit(X, y)
    assert np.corrcoef(model.predict(X), whole.predict(X))[0, 1] > 0.99


def test_constant_features_are_left_out() -> None:
    X = np.array([[1.0, 5.0, 1e9], [3.0, 5.0, 1e9]])
    scaling = Scaling.of(X)
    assert scaling.scale(X).tolist() == [[-1], [1]]
    assert Scaling.of(X[:, 1:]).scale(X[:, 1:]).shape == (2, 1)


# -- subtrees -------------------------------------------------------------------------------------


def test_subtree_products_are_those_of_the_encoding() -> None:
    rows = NB201.sample(80, np.random.default_rng(0))
    counts = WL(NB201, 2, max_features=None).transform(rows)
    known = Forestry(NB201, rows[:50], 2)
    A, B = known.of(rows), known.of(rows[:50])
    assert (products(A, B) == counts @ counts[:50].T).all()
    assert (A.squares == (counts**2).sum(1)).all()
    distances = ((counts[:, None] - counts[:50]) ** 2).sum(2)
    assert np.allclose(SubtreeMatern().compare(A, B) * SubtreeMatern.SCALE, distances)


@pytest.mark.parametrize("kernel", ["matern52", "product"])
def test_nasbowl_treats_isomorphic_architectures_alike(kernel: Any) -> None:
    bench = benchmark("nb201/cifar10")
    rows = NB201.sample(150, np.random.default_rng(0))
    model = NASBOWL(NB201, kernel=kernel, target_transform="quantile", random_state=0)
    model.fit(rows, bench.truth(rows))
    more = NB201.sample(200, np.random.default_rng(1))
    mean, std = model.predict(more, return_std=True)
    assert np.allclose(mean, model.predict(NB201.canonical(more)))
    assert kendalltau(mean, bench.truth(more)).statistic > 0.55
    assert np.isfinite(std).all()
    assert 1 <= model.iterations_ <= 3


# -- linear ---------------------------------------------------------------------------------------


def test_ridge_takes_the_penalty_of_lowest_leave_one_out_error() -> None:
    X, y = _data(30)
    model = Ridge(target_transform=None).fit(X, y)
    rows, seen = (X - X.mean(0)) / X.std(0), (y - y.mean()) / y.std()
    errors = []
    for penalty in 30 * np.logspace(-4, 4, 25):
        total = 0.0
        for i in range(30):
            keep = np.arange(30) != i
            A, b = rows[keep], seen[keep]
            inner, shift = A - A.mean(0), b.mean()
            weights = np.linalg.solve(inner.T @ inner + penalty * np.eye(4), inner.T @ (b - shift))
            total += float(seen[i] - shift - (rows[i] - A.mean(0)) @ weights) ** 2
        errors.append(total)
    best = 30 * np.logspace(-4, 4, 25)[int(np.argmin(errors))]
    assert model.ridge_.alpha_ == pytest.approx(best)
    weights = np.linalg.solve(rows.T @ rows + best * np.eye(4), rows.T @ seen)
    assert np.allclose(model.predict(X), y.mean() + y.std() * (rows @ weights))


def test_bayesian_ridge_is_the_posterior_of_its_precisions() -> None:
    X, y = _data(30)
    mean, std = BayesianRidge(target_transform=None).fit(X, y).predict(X, return_std=True)
    model = BayesianRidge(target_transform=None).fit(X, y).regression_
    rows = (X - X.mean(0)) / X.std(0)
    covariance = np.linalg.inv(model.lambda_ * np.eye(4) + model.alpha_ * rows.T @ rows)
    wanted = np.sqrt(1 / model.alpha_ + np.einsum("ij,jk,ik->i", rows, covariance, rows))
    assert np.allclose(std, y.std() * wanted, rtol=1e-6)
    weights = model.alpha_ * covariance @ rows.T @ ((y - y.mean()) / y.std())
    assert np.allclose(mean, y.mean() + y.std() * rows @ weights, atol=1e-3)


# -- ensembles ------------------------------------------------------------------------------------


def test_inflation_makes_intervals_cover() -> None:
    rng = np.random.default_rng(0)
    errors = rng.normal(size=(200, 50)) * 3
    factors = [inflation(row, np.ones(50)) for row in errors]
    assert np.mean(factors) == pytest.approx(3, rel=0.1)
    assert inflation(errors[0][:0], np.ones(0)) == 1
    assert inflation(np.zeros(5), np.zeros(5)) == 1


def test_weaknas_sharpens_the_best_region() -> None:
    """A stage fitted to the best alone sees the fine structure that the first one is blind to."""
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (600, 3))
    y = np.where(X[:, 0] > 0.5, 10 + X[:, 1], 3 * X[:, 0])
    fit, rest = slice(0, 300), X[300:][X[300:, 0] > 0.55]
    truth = rest[:, 1]
    weak = {"weak": "ridge", "fraction": 0.2}
    one = WeakNAS(stages=1, **weak).fit(X[fit], y[fit])  # type: ignore[arg-type]
    two = WeakNAS(stages=2, **weak).fit(X[fit], y[fit])  # type: ignore[arg-type]
    assert len(two.models_) == 2
    sharp, blunt = (kendalltau(m.predict(rest), truth).statistic for m in (two, one))
    assert sharp > blunt + 0.1


def test_weaknas_of_one_stage_is_its_weak_predictor() -> None:
    X, y = _data(100)
    seen = (y - y.mean()) / y.std()
    model = WeakNAS(stages=1, random_state=0).fit(X, y)
    assert np.allclose(model.predict(X), y.mean() + y.std() * model.models_[0].predict(X))
    assert np.allclose(
        XGBoost(random_state=model.models_[0].random_state).fit(X, seen).predict(X),
        model.models_[0].predict(X),
    )


@pytest.mark.parametrize(
    ("model", "name"),
    [
        (GaussianProcess(kernel="x"), "kernel"),  # type: ignore[arg-type]
        (GaussianProcess("hamming", ard=True), "ard"),
        (GaussianProcess(learning_rows=1), "learning_rows"),
        (SparseGP(inducing=0), "inducing"),
        (Ridge(alphas=0), "alphas"),
        (BayesianRidge(max_iter=0), "max_iter"),
        (WeakNAS(stages=0), "stages"),
        (WeakNAS(fraction=1), "fraction"),
        (Auto(folds=1), "folds"),
    ],
)
def test_wrong_parameters_are_named(model: Any, name: str) -> None:
    with pytest.raises(ParameterError, match=f"The '{name}' parameter of {type(model).__name__}"):
        model.fit(*_data())


# -- on a table -----------------------------------------------------------------------------------


def _on_nb201(make: Callable[[], Any], size: int, seeds: int) -> tuple[float, float]:
    """Return mean tau and coverage on 1,000 cells of other classes, seeds from 1000 on."""
    rows = NB201.all()
    truth, X = benchmark("nb201/cifar10").truth(rows), GraphFeatures(NB201).transform(rows)
    classes = NB201.index(NB201.canonical(rows))
    taus, covered = [], []
    for seed in range(1000, 1000 + seeds):
        order = np.random.default_rng(seed).permutation(len(rows))
        train, rest = order[:size], order[size:]
        test = rest[~np.isin(classes[rest], classes[train])][:1000]
        mean, std = make().fit(X[train], truth[train]).predict(X[test], return_std=True)
        taus.append(kendalltau(mean, truth[test]).statistic)
        covered.append((np.abs(mean - truth[test]) < 1.645 * std).mean())
    return float(np.mean(taus)), float(np.mean(covered))


@pytest.mark.parametrize("name", ["extra_trees", "random_forest", "gaussian_process", "sparse_gp"])
def test_intervals_cover(name: str) -> None:
    cls = registry.load("predictors", name)
    _, coverage = _on_nb201(cls, 100, 4)
    assert 0.8 < coverage < 0.97


def test_speed() -> None:
    """Fit to 100 rows, with a margin of two for a busy machine."""
    X = GraphFeatures(NB201).transform(NB201.sample(100, np.random.default_rng(0)))
    y = X[:, 3] + np.random.default_rng(1).standard_normal(100)
    for model, seconds in (
        (GaussianProcess(random_state=0), 0.2),
        (Auto(random_state=0), 1.0),
        (ExtraTrees(random_state=0), 0.8),
    ):
        model.fit(X, y)
        start = time.process_time()
        model.fit(X, y)
        assert time.process_time() - start < seconds, model
