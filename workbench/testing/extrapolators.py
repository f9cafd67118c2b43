"""What every extrapolator promises, as functions that take it and raise AssertionError.

Use them from pytest with ``parametrize("check", extrapolator_checks())``, or through
``workbench check``. An extrapolator is given by name, by the path of its file, or as a class.
"""

from __future__ import annotations

import inspect
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.base import clone

from workbench.testing._plugins import Plugin, plugin_class, untouched_random_state
from workbench.types import Floats

Check = Callable[[Plugin], None]
_EPOCHS = 20
_TRAIN = 80
_LOSS = 3.0


def extrapolator_checks() -> list[Check]:
    """Return all checks of an extrapolator; each is named by what it checks."""
    return [
        takes_its_parameters,
        pickles_and_repeats,
        rows_do_not_depend_on_each_other,
        more_epochs_help,
        deviations_cover,
        nothing_seen_is_the_mean,
        odd_curves_get_numbers,
        scale_does_not_matter,
        few_whole_curves_are_enough,
        what_is_no_curve_is_refused,
        input_is_left_alone,
    ]


def check_extrapolator(plugin: Plugin) -> None:
    """Run all checks; the first that does not hold raises AssertionError."""
    for check in extrapolator_checks():
        check(plugin)


def takes_its_parameters(plugin: Plugin) -> None:
    """Parameters have defaults, are kept as given, and ``epochs`` is one of them."""
    cls = plugin_class("extrapolators", plugin)
    parameters = list(inspect.signature(cls).parameters.values())
    assert all(p.default is not p.empty for p in parameters), "a parameter has no default"
    assert "epochs" in cls().get_params(), "does not take epochs="
    model = cls(epochs=[1, 2, 3])
    assert clone(model).get_params()["epochs"] == [1, 2, 3]


def pickles_and_repeats(plugin: Plugin) -> None:
    """The same fit gives the same numbers to the bit, also after pickling."""
    X, y, rest, _ = _curves(plugin)
    cut = _cut(rest, 7)
    first = _made(plugin).fit(X, y).predict(cut, return_std=True)
    again = pickle.loads(pickle.dumps(_made(plugin).fit(X, y))).predict(cut, return_std=True)
    assert all((a == b).all() for a, b in zip(first, again, strict=True))


def rows_do_not_depend_on_each_other(plugin: Plugin) -> None:
    """A curve is extrapolated the same alone and beside others that end elsewhere."""
    X, y, rest, _ = _curves(plugin)
    model = _made(plugin).fit(X, y)
    mixed = np.where(np.arange(_EPOCHS) < np.array([[2], [7], [15], [20]]), rest[:4], np.nan)
    together = np.stack(model.predict(mixed, return_std=True), axis=1)
    alone = [np.concatenate(model.predict(mixed[i : i + 1], return_std=True)) for i in range(4)]
    np.testing.assert_allclose(together, alone, rtol=1e-9)


def more_epochs_help(plugin: Plugin) -> None:
    """The end is told better from 15 epochs of 20 than from 3, and better than by the mean."""
    X, y, rest, truth = _curves(plugin)
    model = _made(plugin).fit(X, y)
    early, late = (np.abs(model.predict(_cut(rest, n)) - truth).mean() for n in (3, 15))
    assert late < early, f"mean error {early:g} from 3 epochs and {late:g} from 15"
    assert late < np.abs(truth - y.mean()).mean(), "no better than the mean of the final scores"


def deviations_cover(plugin: Plugin) -> None:
    """90 % intervals hold 75 to 99 % of the ends of 200 curves."""
    X, y, rest, truth = _curves(plugin)
    mean, std = _made(plugin).fit(X, y).predict(_cut(rest, 8), return_std=True)
    assert (std > 0).all()
    held = (np.abs(mean - truth) <= 1.645 * std).mean()
    assert 0.75 <= held <= 0.99, f"90 % intervals hold {held:.0%}"


def nothing_seen_is_the_mean(plugin: Plugin) -> None:
    """Of a curve of which nothing was seen, mean and deviation of the final scores are told."""
    X, y, rest, _ = _curves(plugin)
    mean, std = _made(plugin).fit(X, y).predict(_cut(rest[:1], 0), return_std=True)
    np.testing.assert_allclose([mean[0], std[0]], [y.mean(), y.std()])


def odd_curves_get_numbers(plugin: Plugin) -> None:
    """Constant, falling, one-point, jumping and zero curves, and one far beyond all others."""
    X, y, _, _ = _curves(plugin)
    odd = np.full((7, _EPOCHS), np.nan)
    odd[1, :10] = 0.4
    odd[2, :10] = np.linspace(0.6, 0.2, 10)
    odd[3, 0] = 0.15
    odd[4, :12] = [0.1, 0.9] * 6
    odd[5] = 0.0
    odd[6, :5] = [0.5, 1, 5, 25, 100]
    for found in _made(plugin).fit(X, y).predict(odd, return_std=True):
        assert np.isfinite(found).all(), found


def scale_does_not_matter(plugin: Plugin) -> None:
    """Scores in other units give the same predictions in those units."""
    X, y, rest, _ = _curves(plugin)
    cut = _cut(rest[:50], 8)
    mean, std = _made(plugin).fit(X, y).predict(cut, return_std=True)
    other, spread = _made(plugin).fit(64 * X, 64 * y).predict(64 * cut, return_std=True)
    np.testing.assert_allclose(other, 64 * mean, atol=0.64 * y.std())
    np.testing.assert_allclose(spread, 64 * std, rtol=0.02)


def few_whole_curves_are_enough(plugin: Plugin) -> None:
    """Two whole curves, equal curves, and curves that are broken off among whole ones."""
    X, y, rest, _ = _curves(plugin)
    same, broken = np.tile(X[:1], (6, 1)), np.concatenate([X[:20], _cut(X[20:40], 5)])
    for known, final in ((X[:2], y[:2]), (same, y[:1].repeat(6)), (broken, y[:40])):
        for found in _made(plugin).fit(known, final).predict(_cut(rest, 5), return_std=True):
            assert np.isfinite(found).all(), found


def what_is_no_curve_is_refused(plugin: Plugin) -> None:
    """Gaps, infinite scores, another length, nothing to learn from, and epochs that fall."""
    X, y, _, _ = _curves(plugin)
    model = _made(plugin).fit(X, y)
    gap, huge = X.copy(), X.copy()
    gap[1, 2], huge[1, 2] = np.nan, np.inf
    _refused(lambda: model.predict(gap), "a curve with a gap")
    _refused(lambda: model.predict(huge), "an infinite score")
    _refused(lambda: model.predict(X[:, :-1]), "curves of another length")
    _refused(lambda: _made(plugin).fit(X, np.full(len(X), np.nan)), "no final score at all")
    _refused(lambda: _made(plugin).fit(X, y[:-1]), "fewer final scores than curves")
    _refused(lambda: _made(plugin, epochs=[2, 1]).fit(X, y), "epochs that fall")


def input_is_left_alone(plugin: Plugin) -> None:
    """Curves and scores are not changed, and no global random state is touched."""
    X, y, rest, _ = _curves(plugin)
    cut = _cut(rest, 7)
    before = X.copy(), y.copy(), cut.copy()
    with untouched_random_state():
        _made(plugin).fit(X, y).predict(cut)
    assert all(np.array_equal(*pair, True) for pair in zip(before, (X, y, cut), strict=True))


def _refused(call: Callable[[], object], what: str) -> None:
    try:
        call()
    except ValueError:
        return
    raise AssertionError(f"takes {what}")


def _made(plugin: Plugin, **parameters: Any) -> Any:
    model = plugin_class("extrapolators", plugin)(**parameters)
    if "random_state" in model.get_params():
        model.set_params(random_state=0)
    return model


def _curves(plugin: Plugin) -> tuple[Floats, Floats, Floats, Floats]:
    """Return whole curves and final scores to learn from, and 200 others.

    Power laws with noise, of accuracies; losses where the extrapolator reads these.
    """
    rng = np.random.default_rng(0)
    n = _TRAIN + 200
    end, start, speed = rng.uniform(0.5, 0.9, n), rng.uniform(0.2, 0.4, n), rng.uniform(0.3, 1.5, n)
    x = np.arange(1.0, _EPOCHS + 1)
    truth = end[:, None] - start[:, None] * x ** -speed[:, None]
    X = truth + 0.01 * rng.standard_normal(truth.shape)
    if getattr(plugin_class("extrapolators", plugin), "READS", "score") == "train_loss":
        X = _LOSS * (1 - X)
    y = truth[:, -1]
    return X[:_TRAIN], y[:_TRAIN], X[_TRAIN:], y[_TRAIN:]


def _cut(X: Floats, seen: int) -> Floats:
    return np.where(np.arange(X.shape[1]) < seen, X, np.nan)
