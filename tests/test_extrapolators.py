"""Extrapolators that learn from losses, scores and architectures, against independent sources."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import kendalltau, multivariate_normal, norm
from sklearn.preprocessing import StandardScaler
from sklearn.svm import NuSVR

from workbench.data.measured import Measured
from workbench.errors import ArchitectureError, ParameterError
from workbench.predictors.curves._families import FAMILIES
from workbench.predictors.curves.curve_gp import CurveGP, _covariance, _loss
from workbench.predictors.curves.lcsvr import LcSVR
from workbench.predictors.curves.moving_average import MovingAverage
from workbench.predictors.curves.omni import Omni
from workbench.predictors.curves.parametric import Parametric
from workbench.predictors.curves.parametric_mcmc import ParametricMCMC, _Mixture
from workbench.predictors.curves.sotl import SoTL
from workbench.predictors.curves.sotl_e import SoTLE
from workbench.types import Archs, Floats

RNG = np.random.default_rng


@pytest.fixture(scope="module")
def table() -> tuple[Archs, Floats, Floats, Floats]:
    """Architectures, validation curves and training losses of one seed, and mean final scores."""
    rows = Measured("nb201-mnist").rows
    right = rows.valid_right[:600] * (100.0 / rows.data["valid"])
    losses = rows.train_loss[:600, 0].astype(np.float64)
    return rows.archs[:600], right[:, 0].astype(np.float64), losses, right[:, :, -1].mean(axis=1)


def _cut(X: Floats, seen: int) -> Floats:
    return np.where(np.arange(X.shape[1]) < seen, X, np.nan)


# -- sums of training losses, means of scores -----------------------------------------------------


def test_sums_of_losses_order_as_the_published_formula(
    table: tuple[Archs, Floats, Floats, Floats],
) -> None:
    """Ru et al. 2020, equations 2 and 3: the sum of all epochs' mean losses, or of the last's."""
    _, _, losses, y = table
    cut = _cut(losses[200:], 6)
    for model, sums in (
        (SoTL(), losses[200:, :6].sum(axis=1)),
        (SoTLE(), losses[200:, 5]),
        (SoTLE(window=2), losses[200:, 4:6].sum(axis=1)),
    ):
        predicted = model.fit(losses[:200], y[:200]).predict(cut)
        assert kendalltau(predicted, -sums).statistic == pytest.approx(1, abs=1e-9)
        slope, shift = np.polyfit(sums, predicted, 1)
        np.testing.assert_allclose(predicted, shift + slope * sums, rtol=1e-6)


def test_the_line_from_losses_to_scores_is_that_of_least_squares() -> None:
    rng = RNG(0)
    losses = rng.uniform(1, 2, (50, 4))
    y = 90 - 5 * losses[:, :3].sum(axis=1) + rng.normal(size=50)
    model = SoTL().fit(losses, y)
    slope, shift = np.polyfit(losses[:, :3].sum(axis=1), y, 1)
    assert model.falling_[2] == pytest.approx([shift, slope])
    rising = SoTL().fit(losses, losses.sum(axis=1))
    assert rising.falling_[:, 1].max() <= 0


def test_moving_average_is_the_mean_of_the_last() -> None:
    X = RNG(1).uniform(size=(20, 8))
    model = MovingAverage(window=3).fit(X)
    np.testing.assert_allclose(model.predict(_cut(X, 6)), X[:, 3:6].mean(axis=1))
    np.testing.assert_allclose(model.predict(_cut(X, 2)), X[:, :2].mean(axis=1))
    for cls in (MovingAverage, SoTLE):
        with pytest.raises(ParameterError, match="'window' parameter"):
            cls(window=0).fit(X, X[:, -1])


# -- a Gaussian process of curves -----------------------------------------------------------------


def test_curve_gp_is_the_conditional_of_a_joint_normal() -> None:
    """With the covariance of Swersky et al. 2014, section 3.1, pair by pair."""
    X = RNG(2).normal(size=(30, 10)).cumsum(axis=1) * 0.1 + RNG(3).normal(size=(30, 1))
    model = CurveGP(corrected=False).fit(X)
    a, c, alpha, beta, noise = model.theta_
    joint = np.empty((10, 10))
    for t in range(10):
        for u in range(10):
            joint[t, u] = a**2 + c**2 * beta**alpha / (t + 1 + u + 1 + beta) ** alpha
    known = np.linalg.inv(joint[:4, :4] + noise**2 * np.eye(4))
    mean, std = model._extrapolate(_cut(X, 4), np.full(30, 4))
    shift, unit = X[:, -1].mean(), X[:, -1].std()
    wanted = joint[-1, :4] @ known @ ((X[:, :4] - shift) / unit).T
    np.testing.assert_allclose(mean, shift + unit * wanted, rtol=1e-8)
    variance = joint[-1, -1] - joint[-1, :4] @ known @ joint[:4, -1]
    np.testing.assert_allclose(std, unit * np.sqrt(variance), rtol=1e-5)


def test_curve_gp_finds_the_parameters_that_made_the_curves() -> None:
    """What was learned is about as likely as they are, by scipy's normal density."""
    epochs = np.arange(1.0, 21)
    theta = np.array([1.0, 3.0, 0.8, 1.0, 0.1])
    covariance = _covariance(theta, epochs) + theta[4] ** 2 * np.eye(20)
    curves = RNG(3).multivariate_normal(np.zeros(20), covariance, 300)
    exact = -multivariate_normal(np.zeros(20), covariance).logpdf(curves).mean()
    constant = 10 * np.log(2 * np.pi)
    assert _loss(np.log(theta), curves, epochs) + constant == pytest.approx(exact)
    model = CurveGP().fit(curves)
    learned = _loss(np.log(model.theta_), (curves - model.mean_) / model.std_, epochs)
    assert exact - 0.1 < learned + constant + 20 * np.log(model.std_) < exact + 0.02
    assert model.theta_[4] * model.std_ == pytest.approx(0.1, rel=0.1)


# -- regressions ----------------------------------------------------------------------------------


def test_lcsvr_is_scikit_learns_nu_svr_on_curve_and_differences(
    table: tuple[Archs, Floats, Floats, Floats],
) -> None:
    """Baker et al. 2017, section 3: the curve, its first and its second differences."""
    _, X, _, y = table
    model = LcSVR().fit(X[:100], y[:100])

    def features(rows: Floats) -> Floats:
        seen = rows[:, :8]
        return np.hstack([seen, np.diff(seen), np.diff(np.diff(seen))])

    scaler = StandardScaler().fit(features(X[:100]))
    svr = NuSVR(C=10.0, nu=0.5)
    svr.fit(scaler.transform(features(X[:100])), (y[:100] - y[:100].mean()) / y[:100].std())
    wanted = svr.predict(scaler.transform(features(X[100:150]))) * y[:100].std() + y[:100].mean()
    np.testing.assert_allclose(model.predict(_cut(X[100:150], 8)), wanted, rtol=1e-6)


def test_architectures_beside_curves_help_where_little_was_seen(
    table: tuple[Archs, Floats, Floats, Floats],
) -> None:
    """After one epoch of 24, over 400 cells; and with no epoch there is a prediction at all."""
    archs, X, _, y = table
    where = Measured("nb201-mnist").space
    both = np.hstack([archs.astype(np.float64), X])
    for model, alone in (
        (Omni(where, "gaussian_process"), Omni(predictor="gaussian_process")),
        (LcSVR(where), LcSVR()),
    ):
        model.fit(both[:200], y[:200])
        alone.fit(X[:200], y[:200])
        seen = np.hstack([both[200:, :6], _cut(X[200:], 1)])
        tau = kendalltau(model.predict(seen), y[200:]).statistic
        assert tau > kendalltau(alone.predict(_cut(X[200:], 1)), y[200:]).statistic + 0.05
        unseen = np.hstack([both[200:, :6], _cut(X[200:], 0)])
        mean, std = model.predict(unseen, return_std=True)
        assert kendalltau(mean, y[200:]).statistic > 0.3
        assert 0.8 < (np.abs(mean - y[200:]) < 1.645 * std).mean() < 0.97
        with pytest.raises(ArchitectureError):
            model.predict(seen - 100)
    with pytest.raises(ParameterError, match="'encoding' parameter of LcSVR must be None where"):
        LcSVR(encoding="one_hot").fit(X[:20], y[:20])
    with pytest.raises(ParameterError, match="'space' parameter of Omni must be None or a Space"):
        Omni("nb201").fit(X[:20], y[:20])  # type: ignore[arg-type]


def test_omni_takes_proxies_and_predictors_with_deviations(
    table: tuple[Archs, Floats, Floats, Floats],
) -> None:
    archs, X, _, y = table
    where = Measured("nb201-mnist").space
    both = np.hstack([archs[:60].astype(np.float64), X[:60]])
    proxies = {"name": "zero_cost", "dataset": "digits", "proxies": ["params", "flops"]}
    model = Omni(where, "gaussian_process", ["one_hot", proxies])
    mean, std = model.fit(both[:40], y[:40]).predict(both[40:], return_std=True)
    assert np.isfinite(mean).all()
    assert len(set(std.round(9))) > 1


# -- sampling -------------------------------------------------------------------------------------


def _family(name: str) -> Any:
    return next(family for family in FAMILIES if family.name == name)


def test_the_sampled_posterior_is_prior_times_likelihood() -> None:
    families = [_family("pow3"), _family("ilog2")]
    mixture, rng = _Mixture(families), RNG(4)
    epochs, scores = np.arange(1.0, 7), rng.uniform(0.3, 0.6, 6)
    rows = mixture.start(epochs, scores, 10, np.random.RandomState(0))
    found = mixture.log_posterior(rows, epochs, scores)
    wanted = []
    for row in rows:
        c, a, alpha, top, fall, *logits, noise = row
        weights = np.exp(logits) / np.exp(logits).sum()
        curve = weights[0] * (c - a * epochs**-alpha)
        curve += weights[1] * (top - fall / np.log(epochs + 1))
        starts = np.concatenate([f.start for f in families])
        spreads = np.concatenate([f.spread for f in families])
        prior = np.sum(norm.logpdf(row[:5], starts, spreads)) + np.sum(norm.logpdf(logits))
        prior += norm.logpdf(noise, np.log(0.02))
        wanted.append(prior + np.sum(norm.logpdf(scores, curve, np.exp(noise))))
    np.testing.assert_allclose(found - found[0], np.array(wanted) - wanted[0], atol=1e-8)
    outside = rows[:1].copy()
    outside[0, 0] = families[0].high[0] + 1
    assert mixture.log_posterior(outside, epochs, scores)[0] == -np.inf


def test_sampling_a_linear_family_gives_the_posterior_in_closed_form() -> None:
    """``ilog2`` is linear in its parameters: Bayesian regression for each noise, summed over it."""
    family, epochs = _family("ilog2"), np.arange(1.0, 13)
    scores = 0.7 - 0.2 / np.log(epochs + 1) + 0.02 * RNG(5).normal(size=12)
    model = ParametricMCMC(walkers=16, steps=1500, families=["ilog2"], limits=(0, 1))
    model.set_params(random_state=0).fit(scores[None])
    seen = 6
    mean, std = model.predict(_cut(scores[None], seen), return_std=True)
    design = np.stack([np.ones(12), -1 / np.log(epochs + 1)], axis=1)
    weights, means, variances = [], [], []
    for log_noise in np.linspace(np.log(0.02) - 4, np.log(0.02) + 4, 401):
        noise = np.exp(log_noise)
        prior = np.diag(1 / family.spread**2)
        precision = prior + design[:seen].T @ design[:seen] / noise**2
        towards = prior @ family.start + design[:seen].T @ scores[:seen] / noise**2
        center = np.linalg.solve(precision, towards)
        spread = design[:seen] @ np.diag(family.spread**2) @ design[:seen].T
        evidence = multivariate_normal(
            design[:seen] @ family.start, spread + noise**2 * np.eye(seen)
        ).logpdf(scores[:seen])
        weights.append(evidence + norm.logpdf(log_noise, np.log(0.02)))
        means.append(design[-1] @ center)
        variances.append(design[-1] @ np.linalg.solve(precision, design[-1]) + noise**2)
    share = np.exp(np.array(weights) - max(weights))
    share /= share.sum()
    wanted = float(share @ means)
    assert mean[0] == pytest.approx(wanted, abs=0.003)
    variance = share @ (np.array(variances) + (np.array(means) - wanted) ** 2)
    assert std[0] == pytest.approx(np.sqrt(variance), rel=0.15)


def test_sampling_says_how_many_walkers_it_needs() -> None:
    good = np.linspace(0, 1, 12).reshape(2, 6)
    with pytest.raises(ParameterError, match=r"'walkers' parameter .* 96"):
        ParametricMCMC(walkers=95).fit(good)
    with pytest.raises(ParameterError, match="'steps' parameter"):
        ParametricMCMC(steps=0).fit(good)


def test_what_is_fitted_is_as_likely_as_what_is_sampled(
    table: tuple[Archs, Floats, Floats, Floats],
) -> None:
    """``parametric`` against the authors' Monte Carlo, on 12 trainings of which 16 epochs are seen.

    Without correction or calibration on either side; by no more than two standard errors worse.
    """
    _, X, _, y = table
    begun, ends = _cut(X[100:112], 16), y[100:112]
    fitted = Parametric(limits=(0, 100), corrected=False).fit(X[:1])
    sampled = ParametricMCMC(steps=600, limits=(0, 100), random_state=0).fit(X[:1])
    seen = np.full(12, 16)
    losses = []
    for model in (fitted, sampled):
        mean, std = model._extrapolate(begun, seen)
        losses.append(-norm.logpdf(ends, mean, std))
    worse = np.asarray(losses[0]) - np.asarray(losses[1])
    assert worse.mean() < 2 * worse.std(ddof=1) / 12**0.5
