"""What every predictor promises, as functions that take it and raise AssertionError.

Use them from pytest with ``parametrize("check", predictor_checks())``, or through
``workbench check``. A predictor is given by name, by the path of its file, or as a class.
"""

from __future__ import annotations

import inspect
import pickle
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.stats import rankdata
from sklearn.base import clone

from workbench.predictors._base import OnArchitectures
from workbench.spaces import space
from workbench.testing._plugins import Plugin, plugin_class, untouched_random_state
from workbench.types import Floats

Check = Callable[[Plugin], None]
_TRAIN = 100


def predictor_checks() -> list[Check]:
    """Return all checks of a predictor; each is named by what it checks."""
    return [
        beats_the_mean,
        same_seed_same_predictions,
        deviations_fit,
        any_scale_will_do,
        transformed_targets_come_back,
        ten_targets_will_do,
        repeated_rows_are_fine,
        rows_are_predicted_alone,
        constant_targets_are_fine,
        missing_targets_are_left_out,
        too_few_targets_are_refused,
        wrong_widths_are_refused,
        copies_and_pickles_are_equal,
        inputs_are_left_alone,
        global_random_state_is_left_alone,
    ]


def check_predictor(plugin: Plugin) -> None:
    """Run all checks; the first that does not hold raises AssertionError."""
    for check in predictor_checks():
        check(plugin)


def beats_the_mean(plugin: Plugin) -> None:
    """An easy problem is learned: a third of the variance, at least."""
    X, y, more, truth = _easy(plugin)
    error = ((_made(plugin).fit(X, y).predict(more) - truth) ** 2).mean()
    assert error < 2 / 3 * truth.var(), f"mean squared error {error:.3f} of {truth.var():.3f}"


def same_seed_same_predictions(plugin: Plugin) -> None:
    """Two fits with equal seeds predict the same, to the bit."""
    X, y, more, _ = _easy(plugin)
    first, again = (_made(plugin).fit(X, y).predict(more) for _ in range(2))
    assert (first == again).all()
    assert first.shape == (len(more),)


def deviations_fit(plugin: Plugin) -> None:
    """Where ``predict`` takes ``return_std``, it returns means and deviations of one shape."""
    model = _made(plugin)
    if "return_std" not in inspect.signature(model.predict).parameters:
        return
    X, y, more, _ = _easy(plugin)
    mean, std = model.fit(X, y).predict(more, return_std=True)
    assert mean.shape == std.shape == (len(more),)
    assert np.isfinite(std).all()
    assert (std >= 0).all()
    assert std.max() > 0, "is sure of everything"
    assert np.allclose(mean, model.predict(more))


def any_scale_will_do(plugin: Plugin) -> None:
    """Targets of any scale and shift are learned as well."""
    X, y, more, truth = _easy(plugin)
    for scale, shift in ((1e-9, 0.0), (1e9, -1e9), (1e-3, 100.0)):
        found = _made(plugin).fit(X, shift + scale * y).predict(more)
        error = (((found - shift) / scale - truth) ** 2).mean()
        assert error < 2 / 3 * truth.var(), f"not with {shift} + {scale} y"


def transformed_targets_come_back(plugin: Plugin) -> None:
    """Where it takes ``target_transform``, it is fitted to ranks but predicts targets."""
    if "target_transform" not in _made(plugin).get_params():
        return
    X, y, more, truth = _easy(plugin)
    for transform in ("rank", "quantile"):
        model = _made(plugin).set_params(target_transform=transform)
        found = model.fit(X, np.exp(y)).predict(more)
        assert np.isfinite(found).all()
        assert np.corrcoef(rankdata(found), rankdata(truth))[0, 1] > 0.7, f"not with {transform}s"
        low, high = np.quantile(np.exp(y), [0.2, 0.8])
        assert low < np.median(found) < high, "predictions are not in the unit of the targets"
    _refused(lambda: _made(plugin).set_params(target_transform="x").fit(X, y), "an unknown name")


def ten_targets_will_do(plugin: Plugin) -> None:
    """Two known targets are enough to predict, ten as well, with finite numbers."""
    X, y, more, _ = _easy(plugin)
    for few in (2, 10):
        found = _made(plugin).fit(X[:few], y[:few]).predict(more)
        assert np.isfinite(found).all(), f"not from {few} rows"


def repeated_rows_are_fine(plugin: Plugin) -> None:
    """Rows that repeat, with other targets, are learned from like any."""
    X, y, more, truth = _easy(plugin)
    rows, targets = np.concatenate([X, X]), np.concatenate([y + 0.05, y - 0.05])
    found = _made(plugin).fit(rows, targets).predict(more)
    assert ((found - truth) ** 2).mean() < 2 / 3 * truth.var()


def rows_are_predicted_alone(plugin: Plugin) -> None:
    """A row is predicted the same alone and among others, but for rounding."""
    X, y, more, _ = _easy(plugin)
    model = _made(plugin).fit(X, y)
    alone = np.concatenate([model.predict(more[i : i + 1]) for i in range(10)])
    assert np.allclose(alone, model.predict(more)[:10], rtol=1e-9, atol=1e-9 * y.std())


def constant_targets_are_fine(plugin: Plugin) -> None:
    """Constant targets of any size are predicted, with finite deviations."""
    X, _, more, _ = _easy(plugin)
    for value in (7.5, 1e-6, -3e5):
        found = _made(plugin).fit(X, np.full(len(X), value)).predict(more)
        assert np.allclose(found, value, rtol=1e-5, atol=0), f"not {value}"


def missing_targets_are_left_out(plugin: Plugin) -> None:
    """NaN targets are left out, with a warning that counts them."""
    X, y, more, _ = _easy(plugin)
    gaps = y.copy()
    gaps[:3] = np.nan
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = _made(plugin).fit(X, gaps).predict(more)
    assert any("3" in str(w.message) for w in caught), "no warning counts the NaN targets"
    assert (found == _made(plugin).fit(X[3:], y[3:]).predict(more)).all()


def too_few_targets_are_refused(plugin: Plugin) -> None:
    """A single known target raises ValueError, and so does none."""
    X, y, _, _ = _easy(plugin)
    _refused(lambda: _made(plugin).fit(X[:1], y[:1]), "one target")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _refused(lambda: _made(plugin).fit(X, np.full(len(X), np.nan)), "NaN targets alone")


def wrong_widths_are_refused(plugin: Plugin) -> None:
    """Rows of another width than in ``fit`` raise ValueError, and so do unequal lengths."""
    X, y, more, _ = _easy(plugin)
    model = _made(plugin).fit(X, y)
    _refused(lambda: model.predict(more[:, 1:]), "rows of another width")
    _refused(lambda: _made(plugin).fit(X, y[1:]), "fewer targets than rows")


def copies_and_pickles_are_equal(plugin: Plugin) -> None:
    """A predictor clones, pickles when fitted, and prints like anything in scikit-learn."""
    X, y, more, _ = _easy(plugin)
    model = _made(plugin).fit(X, y)
    found = model.predict(more)
    assert (clone(model).fit(X, y).predict(more) == found).all()
    assert (pickle.loads(pickle.dumps(model)).predict(more) == found).all()
    assert type(model).__name__ in repr(model)


def inputs_are_left_alone(plugin: Plugin) -> None:
    """Features and targets are not changed."""
    X, y, more, _ = _easy(plugin)
    before = X.copy(), y.copy(), more.copy()
    _made(plugin).fit(X, y).predict(more)
    assert all((a == b).all() for a, b in zip(before, (X, y, more), strict=True))


def global_random_state_is_left_alone(plugin: Plugin) -> None:
    """``random_state`` is the only source of randomness."""
    X, y, more, _ = _easy(plugin)
    with untouched_random_state():
        _made(plugin).fit(X, y).predict(more)


def _refused(call: Callable[[], object], what: str) -> None:
    try:
        call()
    except ValueError:
        return
    raise AssertionError(f"takes {what}")


def _made(plugin: Plugin) -> Any:
    cls = plugin_class("predictors", plugin)
    model = cls(space("nb201")) if _on_architectures(cls) else cls()
    if "random_state" in model.get_params():
        model.set_params(random_state=0)
    return model


def _on_architectures(cls: type[Any]) -> bool:
    return issubclass(cls, OnArchitectures) and cls.NEEDS_SPACE


def _easy(plugin: Plugin) -> tuple[Any, Floats, Any, Floats]:
    """Return rows and targets to learn, and others to predict.

    Of features, a noisy linear function; of architectures of NAS-Bench-201, the number of 3x3
    convolutions and half that of 1x1 ones in the representative of the isomorphism class.
    """
    rng = np.random.default_rng(0)
    if _on_architectures(plugin_class("predictors", plugin)):
        where = space("nb201")
        X = where.sample(2 * _TRAIN, rng)
        same = where.canonical(X)
        y = (same == 3).sum(1) + 0.5 * (same == 2).sum(1) + 0.05 * rng.standard_normal(len(X))
    else:
        X = rng.integers(0, 3, (2 * _TRAIN, 6)).astype(np.float64)
        y = X @ [3.0, 2.0, -2.0, 1.0, 0.0, 0.0] + 0.1 * rng.standard_normal(len(X))
        y /= y.std()
    return X[:_TRAIN], y[:_TRAIN], X[_TRAIN:], y[_TRAIN:]
