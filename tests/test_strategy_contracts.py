"""Every strategy, encoding and predictor keeps its family's contract."""

from __future__ import annotations

from pathlib import Path

import pytest

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
