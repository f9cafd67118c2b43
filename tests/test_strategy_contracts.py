"""Every strategy, encoding and predictor keeps its family's contract."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sklearn.base import clone
from sklearn.utils.estimator_checks import estimator_checks_generator

from workbench import registry
from workbench.testing.encodings import Check, encoding_checks
from workbench.testing.predictors import predictor_checks
from workbench.testing.strategies import small_spaces_end_cleanly, strategy_checks


def _named(value: object) -> str:
    return str(getattr(value, "__name__", value))


@pytest.mark.parametrize("check", strategy_checks(), ids=_named)
@pytest.mark.parametrize("name", registry.names("strategies"))
def test_strategy(name: str, check: Check) -> None:
    check(name)


@pytest.mark.parametrize("check", encoding_checks(), ids=_named)
@pytest.mark.parametrize("name", registry.names("encodings"))
def test_encoding(name: str, check: Check) -> None:
    check(name)


@pytest.mark.parametrize("check", predictor_checks(), ids=_named)
@pytest.mark.parametrize("name", registry.names("predictors"))
def test_predictor(name: str, check: Check) -> None:
    check(name)


def _predictors() -> list[Any]:
    made = [
        registry.load("predictors", name)(random_state=0) for name in registry.names("predictors")
    ]
    quick = {"n_estimators": 60}
    return [m.set_params(**{k: v for k, v in quick.items() if k in m.get_params()}) for m in made]


def _scikit_learn_checks() -> list[Any]:
    """Return scikit-learn's checks of every predictor.

    That of array API inputs is left out: it skips itself unless scipy was started in a mode of its
    own, and no predictor claims to take other arrays than numpy's.
    """
    return [
        pytest.param(estimator, check, id=f"{type(estimator).__name__}-{_check_name(check)}")
        for model in _predictors()
        for estimator, check in estimator_checks_generator(model)
        if not _check_name(check).startswith("check_array_api")
    ]


def _check_name(check: Any) -> str:
    words = [f"{k}={v}" for k, v in getattr(check, "keywords", {}).items()]
    return "-".join([getattr(check, "func", check).__name__, *words])


@pytest.mark.parametrize(("estimator", "check"), _scikit_learn_checks())
def test_scikit_learn(estimator: Any, check: Any) -> None:
    check(clone(estimator))


REPEATER = '''"""Asks for the first architecture for ever, and says that it does not."""

from workbench.strategies import Strategy


class Repeater(Strategy):
    REPEATS = False

    def ask(self):
        return self._trial((0,) * self.space.dimension)

    def tell(self, trial, observation):
        pass
'''


def test_a_fault_is_found_in_a_file_of_ones_own(tmp_path: Path) -> None:
    file = tmp_path / "repeater.py"
    file.write_text(REPEATER)
    with pytest.raises(AssertionError, match="asks twice"):
        small_spaces_end_cleanly(str(file))
