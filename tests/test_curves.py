"""Extrapolators of learning curves: formulas, fits, honest deviations, and curves of every kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.optimize import approx_fprime, least_squares

from workbench import registry
from workbench.data.measured import Measured
from workbench.errors import ParameterError
from workbench.predictors.curves._deviations import deviations, suited
from workbench.predictors.curves._families import FAMILIES, Family
from workbench.predictors.curves._levenberg import Curves, fit
from workbench.predictors.curves.last_value import LastValue
from workbench.predictors.curves.parametric import Parametric
from workbench.predictors.curves.sotl import SoTL
from workbench.testing.extrapolators import extrapolator_checks
from workbench.types import Floats

_ELSEWHERE = ("parametric_mcmc", "lcpfn", "ftpfn")
NAMES = [name for name in registry.names("extrapolators") if name not in _ELSEWHERE]
"""All but the one that takes seconds a curve, which tests/test_extrapolators.py samples, and those
that are trained, which tests/test_pretrained.py gives weights."""
X12 = np.arange(1.0, 13.0)
RNG = np.random.default_rng

FORMULAS: dict[str, Any] = {
    "vapor_pressure": lambda x, a, b, c: np.exp(a + b / x + c * np.log(x)),
    "pow3": lambda x, c, a, alpha: c - a * x**-alpha,
    "log_log_linear": lambda x, a, b: np.log(a * np.log(x) + b),
    "hill3": lambda x, top, eta, kappa: top * x**eta / (kappa**eta + x**eta),
    "log_power": lambda x, a, b, c: a / (1 + (x / np.exp(b)) ** c),
    "pow4": lambda x, c, a, b, alpha: c - (a * x + b) ** -alpha,
    "mmf": lambda x, a, b, kappa, delta: a - (a - b) / (1 + (kappa * x) ** delta),
    "exp4": lambda x, c, a, b, alpha: c - np.exp(-a * x**alpha + b),
    "janoschek": lambda x, a, b, kappa, delta: a - (a - b) * np.exp(-kappa * x**delta),
    "weibull": lambda x, a, b, kappa, delta: a - (a - b) * np.exp(-((kappa * x) ** delta)),
    "ilog2": lambda x, c, a: c - a / np.log(x + 1),
}
"""Domhan, Springenberg and Hutter 2015, Table 1."""


def _made(name: str, **parameters: Any) -> Any:
    return registry.load("extrapolators", name)(**parameters)


def _some(family: Family, n: int, rng: np.random.Generator) -> Floats:
    """Return parameters around the start, inside the bounds."""
    margin = 1e-3 * (family.high - family.low)
    drawn = family.start + 0.2 * family.spread * rng.normal(size=(n, len(family.start)))
    return np.clip(drawn, family.low + margin, family.high - margin)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda f: f.name)
def test_families_are_the_published_formulas(family: Family) -> None:
    theta = _some(family, 20, RNG(0))
    values, _ = family.values(X12, theta)
    for row, parameters in zip(values, theta, strict=True):
        np.testing.assert_allclose(row, FORMULAS[family.name](X12, *parameters), rtol=1e-9)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda f: f.name)
def test_derivatives_are_those_of_finite_differences(family: Family) -> None:
    for theta in _some(family, 5, RNG(1)):
        _, slopes = family.values(X12, theta[None])
        steps = 1e-7 * np.maximum(np.abs(theta), 1e-3)

        def scores(t: Floats) -> Floats:
            found: Floats = family.values(X12, t[None])[0][0]
            return found

        wanted = approx_fprime(theta, scores, steps)
        np.testing.assert_allclose(slopes[0], wanted, rtol=2e-4, atol=1e-5 * np.abs(wanted).max())


@pytest.mark.parametrize("family", FAMILIES, ids=lambda f: f.name)
def test_fits_are_as_good_as_those_of_scipy(family: Family) -> None:
    """Against ``scipy.optimize.least_squares`` (trust region, bounds) from the same start.

    Both may end in a local minimum, and a curve's cost has a chance deviation of about 5: of 20
    curves nine in ten must cost no more than scipy's by .5 and a tenth.
    """
    rng, n = RNG(2), 20
    scores = family.values(X12, _some(family, n, rng))[0] + 0.01 * rng.normal(size=(n, 12))
    weights = np.full(scores.shape, 100.0)
    weights[::2, 8:] = 0.0
    start = np.tile(family.start, (n, 1))
    found = fit(family, Curves(X12, scores, weights), start)
    inside = np.clip(family.start, family.low + 1e-9, family.high - 1e-9)
    costs = []
    for row in range(n):

        def errors(theta: Floats, row: int = row) -> Floats:
            away = (theta - family.start) / family.spread
            misses = (scores[row] - family.values(X12, theta[None])[0][0]) * weights[row]
            return np.concatenate([misses, away])

        costs.append(2 * least_squares(errors, inside, bounds=(family.low, family.high)).cost)
    assert (found.theta >= family.low).all()
    assert (found.theta <= family.high).all()
    assert np.mean(found.cost <= 1.1 * np.array(costs) + 0.5) >= 0.9


def test_known_curves_are_recovered_under_noise_and_better_with_more_epochs() -> None:
    """200 curves of all families, noise .01, 50 epochs: the end from 5, 15, 40 of them."""
    rng = RNG(3)
    x = np.arange(1.0, 51.0)
    each = [family.values(x, _some(family, 20, rng))[0] for family in FAMILIES]
    truth = np.concatenate(each)
    truth = rng.permutation(truth[(truth.min(axis=1) > 0) & (truth.max(axis=1) < 1)])
    scores = truth + 0.01 * rng.normal(size=truth.shape)
    model = Parametric(limits=(0, 1), corrected=False).fit(scores[:50], truth[:50, -1])
    errors, inside = [], []
    for seen in (5, 15, 40):
        curves = np.where(x <= seen, scores[50:], np.nan)
        mean, std = model.predict(curves, return_std=True)
        wrong = np.abs(mean - truth[50:, -1])
        errors.append(np.median(wrong))
        inside.append(np.mean(wrong <= 1.645 * std))
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 0.01
    assert min(inside) > 0.75


@pytest.fixture(scope="module")
def curves() -> tuple[Floats, Floats]:
    """Validation curves of the first seed, ``(500, 24)``, and mean final scores over seeds."""
    bench = Measured("nb201-mnist")
    right = bench.rows.valid_right[:500] * (100.0 / bench.rows.data["valid"])
    return right[:, 0].astype(np.float64), right[:, :, -1].mean(axis=1)


@pytest.mark.parametrize("seen", [4, 8, 12, 16, 20])
def test_deviations_are_honest_on_the_table_and_beat_the_last_value(
    curves: tuple[Floats, Floats], seen: int
) -> None:
    X, y = curves
    cut = np.where(np.arange(24) < seen, X[150:], np.nan)
    found = {}
    for name in ("last_value", "parametric"):
        mean, std = _made(name).fit(X[:150], y[:150]).predict(cut, return_std=True)
        z = (y[150:] - mean) / std
        found[name] = float(np.mean(z**2 / 2 + np.log(std)))
        assert 0.8 <= np.mean(np.abs(z) <= 1.645) <= 0.97
    assert found["parametric"] < found["last_value"]


@pytest.mark.parametrize("check", extrapolator_checks(), ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", NAMES)
def test_contract(name: str, check: Callable[[str], None]) -> None:
    check(name)


def test_what_is_no_curve_is_named() -> None:
    good = np.linspace(0, 1, 12).reshape(2, 6)
    gap = good.copy()
    gap[1, 2] = np.nan
    with pytest.raises(ValueError, match="curve 1 has NaN before the last epoch seen"):
        LastValue().fit(good).predict(gap)
    with pytest.raises(ValueError, match="no curve has a known final score"):
        LastValue().fit(np.where(np.arange(6) < 3, good, np.nan))
    with pytest.raises(ParameterError, match=r"'epochs' parameter .* 6 rising numbers above 0"):
        LastValue(epochs=[1, 2, 3]).fit(good)
    with pytest.raises(ValueError, match="SoTL reads losses: give fit the final scores as y"):
        SoTL().fit(good)


def test_wrong_families_and_limits_are_refused() -> None:
    good = np.linspace(0, 1, 12).reshape(2, 6)
    for families in (["pow5"], [], ["pow3", "pow3"]):
        with pytest.raises(ParameterError, match="'families' parameter of Parametric"):
            Parametric(families).fit(good)
    with pytest.raises(ParameterError, match="'limits' parameter of Parametric"):
        Parametric(limits=(1, 0)).fit(good)


def test_last_value_is_the_last_value_with_the_spread_around_it() -> None:
    rng = RNG(4)
    X = np.cumsum(rng.uniform(size=(40, 5)), axis=1)
    model = LastValue().fit(X)
    cut = np.where(np.arange(5) < 3, X, np.nan)
    mean, std = model.predict(cut, return_std=True)
    np.testing.assert_allclose(mean, X[:, 2])
    inside = np.abs(X[:, 4] - mean) <= 1.645 * std
    assert 0.85 <= inside.mean() <= 0.95


def test_deviations_are_found_that_made_the_errors() -> None:
    """Both slopes within three of their deviations, the root of 1 / 2n by Harvey (1976)."""
    rng = np.random.default_rng(0)
    n = 4000
    mean, logs = rng.normal(80.0, 5.0, n), rng.normal(-1.0, 1.0, n)
    true = np.exp(0.4 - 0.6 * (mean - 80.0) / 5.0 + 0.3 * logs)
    errors = true * rng.normal(size=n)
    found = suited(errors, mean, np.exp(logs))
    assert abs(found[1] * 5.0 + 0.6) < 3 * np.sqrt(0.5 / n)
    assert abs(found[2] - 0.3) < 3 * np.sqrt(0.5 / n)
    made = deviations(found, mean, np.exp(logs))
    assert np.abs(np.log(made / true)).max() < 0.25
    assert np.mean(np.abs(errors) <= 1.645 * made) == pytest.approx(0.9, abs=0.002)


@pytest.mark.parametrize("name", ["power_law", "parametric", "curve_gp"])
def test_deviations_are_honest_of_failing_trainings_too(
    curves: tuple[Floats, Floats], name: str
) -> None:
    """After 16 of 24 epochs, cells that end below 60 %; with one deviation for all, .2 are covered.

    Over three draws of what is learned from about 45 of them are asked for: .9 of the intervals
    would be seen as less than .7 once in 10,000 by the binomial alone.
    """
    X, y = curves
    covered = []
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(len(X))
        known, asked = order[:150], order[150:]
        cut = np.where(np.arange(24) < 16, X[asked], np.nan)
        mean, std = _made(name).fit(X[known], y[known]).predict(cut, return_std=True)
        covered.append((np.abs(y[asked] - mean) <= 1.645 * std)[y[asked] < 60])
    assert np.concatenate(covered).mean() > 0.7
