"""Neural predictors against slow or closed forms; contracts run in test_strategy_contracts."""

from __future__ import annotations

import pickle
import time
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import kendalltau, multivariate_normal, rankdata
from sklearn.linear_model import BayesianRidge

import workbench as wb
from workbench import registry
from workbench.errors import ParameterError
from workbench.optimise import minibatches, minimise, one_thread
from workbench.predictors._bayesian_linear import BayesianLinear
from workbench.predictors._intervals import unexplained
from workbench.predictors._losses import LOSSES, MARGIN, calibration
from workbench.predictors._mlp import Sizes, forward
from workbench.predictors._pipeline import pipeline
from workbench.predictors._sghmc import Plan, sample
from workbench.predictors.bohamiann import BOHAMIANN
from workbench.predictors.dngo import DNGO
from workbench.predictors.gcn import GCN
from workbench.predictors.graph_attention import GraphAttention
from workbench.predictors.mlp import MLP
from workbench.predictors.mlp_ensemble import MLPEnsemble
from workbench.predictors.seminas import SemiNAS
from workbench.spaces import space
from workbench.types import Archs, Floats

ON_FEATURES = [MLP, MLPEnsemble, DNGO, BOHAMIANN]
ON_ARCHITECTURES = [GCN, GraphAttention, SemiNAS]
NB201 = space("nb201")


def _data(n: int = 100) -> tuple[Floats, Floats]:
    rng = np.random.default_rng(0)
    X = rng.integers(0, 4, (n, 8)).astype(np.float64)
    return X, 50 + X[:, 0] * X[:, 1] - X[:, 2] + rng.standard_normal(n)


def _cells(n: int, seed: int = 0) -> tuple[Archs, Floats]:
    """Return cells of NAS-Bench-201 and their mean accuracies on cifar10."""
    archs = NB201.sample(n, np.random.default_rng(seed))
    return archs, wb.benchmark("nb201/cifar10").truth(archs)


def _small(cls: Any) -> Any:
    """Return a predictor that takes little time to fit and is as wide as by default."""
    model = cls() if cls in ON_FEATURES else cls(NB201)
    quick = {"depth": 1, "unlabelled": 0, "burn_in": 20}
    known = model.get_params()
    return model.set_params(random_state=0, **{k: v for k, v in quick.items() if k in known})


# Losses ------------------------------------------------------------------------------------------


def _slow_hinge(f: Floats, y: Floats) -> float:
    pairs = [(i, j) for i in range(len(y)) for j in range(len(y)) if y[i] > y[j]]
    return float(sum(max(0.0, MARGIN - (f[i] - f[j])) for i, j in pairs) / max(len(pairs), 1))


def _slow_listmle(f: Floats, y: Floats) -> float:
    """The product of Plackett and Luce: at each place the odds among those left."""
    left = sorted(range(len(y)), key=lambda i: -y[i])
    total: float = 0.0
    while left:
        total -= float(np.log(np.exp(f[left[0]]) / np.exp(f[left]).sum()))
        left = left[1:]
    return total / len(y)


@pytest.mark.parametrize(("name", "slow"), [("hinge", _slow_hinge), ("listmle", _slow_listmle)])
@pytest.mark.parametrize("ties", [False, True])
def test_ranking_losses_are_those_of_a_loop(name: str, slow: Any, ties: bool) -> None:
    rng = np.random.default_rng(0)
    f, y = rng.standard_normal((3, 12)), rng.standard_normal((3, 12))
    y = np.round(y) if ties else y
    found = LOSSES[name](torch.from_numpy(f), torch.from_numpy(y)).numpy()
    assert found == pytest.approx([slow(a, b) for a, b in zip(f, y, strict=True)])


def test_hinge_of_equal_targets_is_zero() -> None:
    assert LOSSES["hinge"](torch.randn(5), torch.zeros(5)) == 0


def test_calibration_is_the_least_squares_line_and_never_falls() -> None:
    rng = np.random.default_rng(0)
    f = rng.standard_normal(50)
    y = 3 * f + rng.standard_normal(50)
    slope, shift = calibration(torch.from_numpy(f), torch.from_numpy(y))
    assert [float(slope), float(shift)] == pytest.approx(np.polyfit(f, y, 1))
    slope, shift = calibration(torch.from_numpy(f), torch.from_numpy(-y))
    assert slope > 0
    assert float(slope) * f.mean() + float(shift) == pytest.approx(-y.mean())


@pytest.mark.parametrize("loss", ["hinge", "listmle"])
@pytest.mark.parametrize("cls", [MLP, MLPEnsemble, GCN, SemiNAS])
def test_predictions_of_ranking_losses_are_in_the_targets_unit(cls: Any, loss: str) -> None:
    """On the training rows, where the line was fitted, means agree and errors are small."""
    X, y = _data() if cls in ON_FEATURES else _cells(100)
    y = y if cls in ON_FEATURES else 1e6 + rankdata(y)
    model = cls() if cls in ON_FEATURES else cls(NB201)
    found = model.set_params(loss=loss, random_state=0).fit(X, y).predict(X)
    assert found.mean() == pytest.approx(y.mean(), abs=0.05 * y.std())
    assert ((found - y) ** 2).mean() < 0.5 * y.var()
    assert kendalltau(found, y).statistic > 0.6


# Training ----------------------------------------------------------------------------------------


def test_minibatches_never_show_rows_that_are_held_out() -> None:
    mask = torch.zeros(3, 10, dtype=torch.bool)
    mask[1, :3], mask[2, 3:5] = True, True
    batches = minibatches(10, 4, torch.Generator().manual_seed(0), mask)
    for _ in range(20):
        epoch = torch.cat([next(batches) for _ in range(3)], dim=1).numpy()
        assert epoch.shape == (3, 10)
        assert sorted(epoch[0]) == list(range(10))
        assert set(epoch[1]) == set(range(3, 10))
        assert set(epoch[2]).isdisjoint({3, 4})


def test_steps_are_those_of_torch_and_forget_old_gradients() -> None:
    """Torch's own AdamW, schedule and ``zero_grad``, tensor by tensor."""
    random = torch.Generator().manual_seed(0)
    start = [torch.randn(3, 2, generator=random), torch.randn(2, generator=random)]
    rows = torch.randn(50, 3, generator=random)

    def loss(weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        return (torch.tanh(rows @ weight + bias) - rows[:, :2]).square().mean()

    ours, theirs = ([t.clone().requires_grad_() for t in start] for _ in range(2))
    minimise(lambda: loss(*ours), ours, 60, 0.05, weight_decay=0.1)
    optimiser = torch.optim.AdamW(theirs, lr=0.05, weight_decay=0.1)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, 60)
    for _ in range(60):
        optimiser.zero_grad()
        loss(*theirs).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
    for a, b in zip(ours, theirs, strict=True):
        assert torch.allclose(a, b, atol=1e-4)


@pytest.mark.parametrize("cls", [*ON_FEATURES, *ON_ARCHITECTURES])
def test_torch_is_left_as_it_was(cls: Any) -> None:
    X, y = _data(20) if cls in ON_FEATURES else _cells(20)
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    _small(cls).fit(X, y).predict(X)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize("cls", ON_ARCHITECTURES)
def test_weights_come_from_the_seed_alone(cls: Any) -> None:
    X, y = _cells(12)
    found = []
    for state, seed in ((0, 3), (1, 3), (1, 4)):
        torch.manual_seed(state)
        found.append(_small(cls).set_params(random_state=seed).fit(X, y).predict(X))
    assert (found[0] == found[1]).all()
    assert (found[0] != found[2]).any()


@pytest.mark.parametrize("cls", ON_ARCHITECTURES)
def test_fitted_networks_pickle_small(cls: Any) -> None:
    X, y = _cells(20)
    assert len(pickle.dumps(_small(cls).fit(X, y))) < 400_000


@pytest.mark.parametrize(
    ("model", "name"),
    [
        (MLP(depth=0), "depth"),
        (MLP(loss="x"), "loss"),  # type: ignore[arg-type]
        (DNGO(weight_decay=-1), "weight_decay"),
        (BOHAMIANN(chains=0), "chains"),
        (BOHAMIANN(step=2), "step"),
        (GCN(NB201, width=0), "width"),
        (GCN(NB201, loss="x"), "loss"),  # type: ignore[arg-type]
        (GraphAttention(NB201, heads=5), "heads"),
        (SemiNAS(NB201, trade_off=2), "trade_off"),
        (SemiNAS(NB201, unlabelled=-1), "unlabelled"),
        (SemiNAS(), "space"),
    ],
)
def test_wrong_parameters_are_named(model: Any, name: str) -> None:
    X, y = _data() if type(model) in ON_FEATURES else _cells(10)
    with pytest.raises(ParameterError, match=f"The '{name}' parameter of {type(model).__name__}"):
        model.fit(X, y)


# Deviations --------------------------------------------------------------------------------------


def test_unexplained_variance_makes_intervals_cover_nine_in_ten() -> None:
    rng = np.random.default_rng(0)
    errors, variances = rng.standard_t(3, 1001), rng.uniform(0.1, 0.5, 1001)
    added = unexplained(errors, variances)
    inside = np.abs(errors) <= 1.6448536269514722 * np.sqrt(variances + added) + 1e-9
    assert inside.sum() == 901
    assert unexplained(errors, 1e6) == 0


@pytest.mark.parametrize("cls", [MLPEnsemble, DNGO, BOHAMIANN])
def test_intervals_hold_on_architectures_not_seen(cls: Any) -> None:
    """90 % intervals on 1,000 other cells; with 100 labels the share itself varies by some .05."""
    X, y = _cells(100)
    more, truth = _cells(1000, seed=1)
    model = pipeline(NB201, cls(random_state=0, target_transform="rank"))
    mean, std = model.fit(X, y).predict(more, return_std=True)
    assert 0.8 <= (np.abs(truth - mean) <= 1.645 * std).mean() <= 0.97


# DNGO --------------------------------------------------------------------------------------------


def test_evidence_is_that_of_scikit_learn() -> None:
    """``BayesianRidge`` with flat hyperpriors maximises the same evidence by fixed points."""
    rng = np.random.default_rng(0)
    features = rng.standard_normal((60, 12))
    y = features @ rng.standard_normal(12) + 0.7 * rng.standard_normal(60)
    found = BayesianLinear.fit(features, y)
    flat = dict.fromkeys(("alpha_1", "alpha_2", "lambda_1", "lambda_2"), 0.0)
    other = BayesianRidge(fit_intercept=False, max_iter=3000, tol=1e-10, **flat).fit(features, y)
    assert found.alpha == pytest.approx(other.lambda_, rel=1e-3)
    assert found.beta == pytest.approx(other.alpha_, rel=1e-3)
    assert found.mean == pytest.approx(other.coef_, rel=1e-3)
    mean, variance = found.predict(features[:5])
    expected = other.predict(features[:5], return_std=True)
    assert mean == pytest.approx(expected[0], rel=1e-3)
    assert variance == pytest.approx(expected[1] ** 2, rel=1e-3)


def test_evidence_is_the_greatest() -> None:
    """The density of the targets, from its covariance, falls to every side."""
    rng = np.random.default_rng(1)
    features = rng.standard_normal((20, 30))
    y = features @ rng.standard_normal(30) / 5 + rng.standard_normal(20)
    found = BayesianLinear.fit(features, y)

    def evidence(alpha: float, beta: float) -> float:
        covariance = np.eye(20) / beta + features @ features.T / alpha
        return float(multivariate_normal(np.zeros(20), covariance).logpdf(y))

    best = evidence(found.alpha, found.beta)
    for a, b in [(1.1, 1), (0.9, 1), (1, 1.1), (1, 0.9)]:
        assert evidence(a * found.alpha, b * found.beta) < best


def test_dngo_predicts_by_the_regression_on_its_last_layer() -> None:
    """Mean and variance by the formulas of Bishop (3.49 to 3.59) with plain inverses."""
    X, y = _data()
    model = DNGO(target_transform=None, random_state=0).fit(X, y)
    inner = (X - X.mean(0)) / X.std(0)
    for weight, bias in model.layers_[:-1]:
        inner = np.tanh(inner @ weight[0].astype(float) + bias[0].astype(float))
    basis = np.column_stack([inner, np.ones(len(X))])
    alpha, beta = model.regression_.alpha, model.regression_.beta
    covariance = np.linalg.inv(alpha * np.eye(basis.shape[1]) + beta * basis.T @ basis)
    weights = beta * covariance @ basis.T @ ((y - y.mean()) / y.std())
    variance = 1 / beta + (basis @ covariance * basis).sum(1) + model.noise_
    mean, std = model.predict(X, return_std=True)
    assert mean == pytest.approx(y.mean() + y.std() * basis @ weights, rel=1e-4)
    assert std == pytest.approx(y.std() * np.sqrt(variance), rel=1e-4)


# BOHAMIANN ---------------------------------------------------------------------------------------


def test_sampler_finds_the_posterior_of_a_linear_regression() -> None:
    """Mean and covariance in closed form; tolerances are 5 standard errors over the chains.

    Chains are independent, so that the spread of their means is the Monte-Carlo error.
    """
    rng = np.random.default_rng(0)
    features = rng.standard_normal((30, 3)) * [1.0, 2.0, 0.5]
    y = features @ [1.0, -1.0, 2.0] + 0.5 * rng.standard_normal(30)
    covariance = np.linalg.inv(features.T @ features / 0.25 + np.eye(3))
    mean = covariance @ features.T @ y / 0.25
    rows, targets = torch.from_numpy(features).float(), torch.from_numpy(y).float()

    def energy(at: torch.Tensor) -> torch.Tensor:
        errors = at @ rows.T - targets
        return errors.square().sum(1) / 0.5 + at.square().sum(1) / 2

    random = torch.Generator().manual_seed(0)
    plan = Plan(burn_in=800, samples=30, thinning=20, step=0.05)
    with one_thread():
        drawn = sample(energy, torch.zeros(100, 3), plan, random).double().numpy()
    of_chains = drawn.mean(axis=0)
    error = of_chains.std(axis=0, ddof=1) / 10
    assert (np.abs(of_chains.mean(axis=0) - mean) < 5 * error).all()
    squares = ((drawn - mean) ** 2).mean(axis=0)
    error = squares.std(axis=0, ddof=1) / 10
    assert (np.abs(squares.mean(axis=0) - covariance.diagonal()) < 5 * error).all()
    assert (error < 0.1 * covariance.diagonal()).all()


def test_bohamiann_integrates_the_noise_out() -> None:
    """The energy against a numerical integral over the variance of the noise."""
    from workbench.predictors import bohamiann

    rng = np.random.default_rng(0)
    rows, y = rng.standard_normal((8, 2)), rng.standard_normal(8)
    sizes = Sizes((2, 3, 1))
    at = torch.from_numpy(rng.standard_normal((2, 13)))
    energy = bohamiann._Energy(sizes, torch.from_numpy(rows), torch.from_numpy(y))
    outputs = forward(sizes.layers(at), torch.from_numpy(rows).expand(2, 8, 2), torch.tanh).numpy()
    noise = np.exp(np.linspace(-12, 12, 20001))
    found = []
    for row, output in zip(at.numpy(), outputs, strict=True):
        squares = ((output - y) ** 2).sum()
        likelihood = noise ** (-8 / 2) * np.exp(-squares / 2 / noise)
        prior = noise ** (-bohamiann._SHAPE - 1) * np.exp(-bohamiann._RATE / noise)
        weights = (row[:6] ** 2).sum() * 2 + (row[9:12] ** 2).sum() * 3
        biases = (row[6:9] ** 2).sum() + row[12] ** 2
        integral = np.trapezoid(likelihood * prior * noise, np.log(noise))
        found.append(-np.log(integral) + (weights + biases) / 2)
    assert np.diff(found) == pytest.approx(np.diff(energy(at, torch.arange(8)).numpy()), rel=1e-6)


# Quality and speed -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["mlp", "dngo", "gcn", "graph_attention", "seminas"])
def test_predictors_rank_architectures_not_seen(name: str) -> None:
    """Beyond ridge on one-hot decisions, fitted to ranks, which reaches tau .64 with 200 labels."""
    X, y = _cells(200)
    more, truth = _cells(1000, seed=1)
    model = pipeline(NB201, {"name": name, "target_transform": "rank", "random_state": 0})
    assert kendalltau(model.fit(X, y).predict(more), truth).statistic > 0.68


@pytest.mark.parametrize(
    ("name", "seconds"),
    [("mlp_ensemble", 0.4), ("dngo", 1), ("bohamiann", 3), ("gcn", 2), ("graph_attention", 3)],
)
def test_fits_are_quick(name: str, seconds: float) -> None:
    """100 labels on one core, with a margin for a busy machine; all cells in a second."""
    X, y = _cells(100)
    every = NB201.all()
    model = registry.load("predictors", name)(random_state=0)
    if name in ("gcn", "graph_attention"):
        model.set_params(space=NB201)
    else:
        encode = registry.load("encodings", "graph_features")(NB201).transform
        X, every = encode(X), encode(every)
    start = time.process_time()
    model.fit(X, y)
    fitted = time.process_time()
    model.predict(every)
    assert fitted - start < 2 * seconds
    assert time.process_time() - fitted < 2
