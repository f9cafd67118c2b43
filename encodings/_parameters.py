"""Checks of the parameters of an estimator, with one form of error, as in scikit-learn."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any

from workbench.errors import ParameterError


def check_integers(owner: Any, least: int, *names: str, optional: bool = False) -> None:
    """Raise ParameterError where a parameter is no integer from ``least`` up (or None)."""
    for name in names:
        value = getattr(owner, name)
        good = isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= least
        must_be = f"an integer >= {least}{' or None' if optional else ''}"
        check(owner, name, good or (optional and value is None), must_be)


def check_numbers(
    owner: Any, low: float, high: float, *names: str, open_low: bool = True, open_high: bool = True
) -> None:
    """Raise ParameterError where a parameter is no number between ``low`` and ``high``."""
    interval = f"{'(' if open_low else '['}{low:g}, {high:g}{')' if open_high else ']'}"
    must_be = f"a number in {interval}"
    if high == float("inf"):
        must_be = f"a number {'>' if open_low else '>='} {low:g}"
    for name in names:
        value = getattr(owner, name)
        good = isinstance(value, Real) and not isinstance(value, bool)
        good = good and (low < value if open_low else low <= value)
        good = good and (value < high if open_high else value <= high)
        check(owner, name, bool(good), must_be)


def check_choices(owner: Any, choices: Iterable[str], *names: str) -> None:
    """Raise ParameterError where a parameter is none of some words."""
    known = tuple(choices)
    for name in names:
        value = getattr(owner, name)
        good = isinstance(value, str) and value in known
        check(owner, name, good, f"one of {', '.join(map(repr, known))}")


def check_bools(owner: Any, *names: str) -> None:
    """Raise ParameterError where a parameter is neither True nor False."""
    for name in names:
        check(owner, name, isinstance(getattr(owner, name), bool), "True or False")


def check(owner: Any, name: str, good: bool, must_be: str) -> None:
    """Raise ParameterError, saying what a parameter must be, unless it is good."""
    if not good:
        raise ParameterError(
            f"The {name!r} parameter of {type(owner).__name__} must be {must_be}."
            f" Got {getattr(owner, name, None)!r} instead."
        )
