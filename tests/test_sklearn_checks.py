"""scikit-learn's own checks of estimators, over every predictor that takes features."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from sklearn.base import clone
from sklearn.utils.estimator_checks import estimator_checks_generator

from workbench import registry

QUICK: dict[str, Any] = {
    "n_estimators": 30,
    "epochs": 5,
    "steps": 50,
    "members": 2,
    "burn_in": 20,
    "samples": 20,
}
"""Settings that take less time than the defaults and leave what is checked as it is."""

EXPECTED: dict[str, dict[str, str]] = {}
"""Reasons by predictor and check; a check that is expected to fail and does not is an error too."""


def _predictors() -> Iterator[tuple[str, Any]]:
    for name in registry.names("predictors"):
        cls = registry.load("predictors", name)
        if getattr(cls, "NEEDS_SPACE", False):
            continue
        model = cls()
        known = model.get_params()
        chosen = {key: value for key, value in QUICK.items() if isinstance(known.get(key), int)}
        if "random_state" in known:
            chosen["random_state"] = 0
        yield name, model.set_params(**chosen)


def _checks() -> list[Any]:
    """Return scikit-learn's checks of every predictor.

    That of array API inputs is left out: it skips itself unless scipy was started in a mode of its
    own, and no predictor claims to take other arrays than numpy's.
    """
    found = []
    for name, model in _predictors():
        for estimator, check in estimator_checks_generator(model):
            text = _text(check)
            if text.startswith("check_array_api"):
                continue
            reason = EXPECTED.get(name, {}).get(text)
            marks = [pytest.mark.xfail(reason=reason)] if reason else []
            found.append(pytest.param(estimator, check, id=f"{name}-{text}", marks=marks))
    return found


def _text(check: Any) -> str:
    if not isinstance(check, partial):
        return str(check.__name__)
    return "-".join([check.func.__name__, *(f"{k}={v}" for k, v in check.keywords.items())])


@pytest.mark.parametrize(("estimator", "check"), _checks())
def test_scikit_learn(estimator: Any, check: Any) -> None:
    check(clone(estimator))
