"""Eleven families of learning curves, each with its derivatives, for many curves at once.

Domhan, Springenberg and Hutter, "Speeding up Automatic Hyperparameter Optimization of Deep Neural
Networks by Extrapolation of Learning Curves", IJCAI 2015: formulas and starting points of their
Table 1. Scores lie in [0, 1] and the epoch counts from 1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from workbench.types import Floats

Values = Callable[[Floats, Floats], tuple[Floats, Floats]]
"""From epochs ``(t,)`` and parameters ``(n, p)`` to scores ``(n, t)`` and their derivatives
``(n, t, p)``."""


class Family(NamedTuple):
    """A formula, where its fit starts, and what its parameters may be, ``(p,)`` each.

    ``spread`` is the deviation of a normal prior around the start. ``asymptote`` is the place of
    the parameter that the curve tends to, None where it has none.
    """

    name: str
    values: Values
    start: Floats
    low: Floats
    high: Floats
    spread: Floats
    asymptote: int | None


def _vapor_pressure(x: Floats, theta: Floats) -> tuple[Floats, Floats]:
    """``exp(a + b / x + c ln x)``."""
    a, b, c = theta.T[:, :, None]
    y = np.exp(np.minimum(a + b / x + c * np.log(x), _BIG))
    return y, np.stack([y, y / x, y * np.log(x)], axis=2)


def _pow3(x: Floats, theta: Floats) -> tuple[Floats, Floats]:
    """``c - a x^-alpha``."""
    c, a, alpha = theta.T[:, :, None]
    power = x**-alpha
    y = c - a * power
    return y, np.stack([np.ones_like(y), -power, a * power * np.log(x)], axis=2)


def _log_log_linear(x: Floats, theta: Floats) -> tuple[Floats, Floats]:
    """``ln(a ln x + b)``."""
    a, b = theta.T[:, :, None]
    inner = np.maximum(a * np.log(x) + b, _TINY)
    return np.log(inner), np.stack([np.log(x) / inner, 1 / inner], axis=2)


def _hill3(x: Floats, theta: Floats) -> tuple[Floats, Floats]:
    """``top x^eta / (kappa^eta + x^eta)``."""
    top, eta, kappa = theta.T[:, :, None]
    ratio = np.exp(np.clip(eta * (np.log(kappa) - np.log(x)), -_BIG, _BIG))
    part = 1 / (1 + ratio)
    slope = top * part * (1 - part)
    by_eta = -slope * (np.log(kappa) - np.log(x))
    return top * part, np.stack([part, by_eta, -slope * eta / kappa], axis=2)


def _log_power(x: Floats, theta: Floats) -> tuple[Floats, Floats]:
    """``a / (1 + (x / e^b)^c)``."""
    a, b, c = theta.T[:, :, None]
    away = np.log(x) - b
    part = 1 / (1 + np.exp(np.clip(c * away, -_BIG, _BIG)))
    slope = a * part * (1 - part)
    return a * part, np.stack([part, slope * c, -slope * away], axis=2)


def _pow4(x: Floats, theta: Floats) -> tuple[Floats, Floats]:
    """``c - (a x + b)^-alpha``."""
    c, a, b, alpha = theta.T[:, :, None]
    inner = np.maximum(a * x + b, _TINY)
    power = inner**-alpha
    slope = alpha * power / inner
    y = c - power
    return y, np.stack([np.ones_like(y), slope * x, slope, power * np.log(inner)], axis=2)


def _mmf(x: Floats, theta: Floats) -> tuple[Floats, Floats]:
    """``alpha - (alpha - beta) / (1 + (kappa x)^delta)``."""
    alpha, beta, kappa, delta = theta.T[:, :, None]
    inner = np.log(kappa) + np.log(x)
    left = 1 / (1 + np.exp(np.clip(delta * inner, -_BIG, _BIG)))
    slope = (alpha - beta) * left * (1 - left)
    return alpha - (alpha - beta) * left, np.stack(
        [1 - left, left, slope * delta / kappa, slope * inner], axis=2
    )


def _exp4(x: Floats, theta: Floats) -> tuple[Floats, Floats]:
    """``c - exp(-a x^alpha + b)``."""
    c, a, b, alpha = theta.T[:, :, None]
    power = x**alpha
    left = np.exp(np.clip(b - a * power, -_BIG, _BIG))
    y = c - left
    return y, np.stack([np.ones_like(y), left * power, -left, left * a * power * np.log(x)], axis=2)


def _janoschek(x: Floats, theta: Floats) -> tuple[Floats, Floats]:
    """``alpha - (alpha - beta) exp(-kappa x^delta)``."""
    alpha, beta, kappa, delta = theta.T[:, :, None]
    power = x**delta
    left = np.exp(-np.minimum(kappa * power, _BIG))
    slope = (alpha - beta) * left * power
    return alpha - (alpha - beta) * left, np.stack(
        [1 - left, left, slope, slope * kappa * np.log(x)], axis=2
    )


def _weibull(x: Floats, theta: Floats) -> tuple[Floats, Floats]:
    """``alpha - (alpha - beta) exp(-(kappa x)^delta)``."""
    alpha, beta, kappa, delta = theta.T[:, :, None]
    inner = np.log(kappa) + np.log(x)
    power = np.exp(np.minimum(delta * inner, _BIG))
    left = np.exp(-np.minimum(power, _BIG))
    slope = (alpha - beta) * left * power
    return alpha - (alpha - beta) * left, np.stack(
        [1 - left, left, slope * delta / kappa, slope * inner], axis=2
    )


def _ilog2(x: Floats, theta: Floats) -> tuple[Floats, Floats]:
    """``c - a / ln(x + 1)``."""
    c, a = theta.T[:, :, None]
    part = np.broadcast_to(1 / np.log(x + 1), (len(theta), len(x)))
    return c - a * part, np.stack([np.ones_like(part), -part], axis=2)


_BIG = 500.0
_TINY = 1e-12


def _family(
    name: str,
    values: Values,
    rows: list[tuple[float, float, float, float]],
    asymptote: int | None,
) -> Family:
    """Return a family from (start, low, high, spread) of each parameter."""
    start, low, high, spread = np.array(rows, dtype=np.float64).T
    return Family(name, values, start, low, high, spread, asymptote)


FAMILIES = (
    _family(
        "vapor_pressure",
        _vapor_pressure,
        [(-0.622, -5, 1, 1), (-0.470, -20, 5, 2), (0.0423, -0.5, 0.5, 0.1)],
        None,
    ),
    _family("pow3", _pow3, [(0.84, 0, 1.3, 0.5), (0.52, -1, 3, 1), (0.01, 1e-3, 5, 1)], 0),
    _family("log_log_linear", _log_log_linear, [(1.0, -0.5, 5, 1), (1.0, 0.05, 3.5, 1)], None),
    _family(
        "hill3",
        _hill3,
        [(0.7723, 0, 1.3, 0.5), (0.5864, 0.02, 8, 2), (2.4608, 1e-3, 500, 20)],
        0,
    ),
    _family("log_power", _log_power, [(0.77, 0, 1.3, 0.5), (2.98, -8, 8, 3), (-0.51, -8, 0, 2)], 0),
    _family(
        "pow4",
        _pow4,
        [(0.8, 0, 1.3, 0.5), (200, 1e-3, 1e4, 500), (0, 0, 1e3, 50), (0.1, 1e-3, 5, 1)],
        0,
    ),
    _family(
        "mmf",
        _mmf,
        [(0.7, 0, 1.3, 0.5), (0.1, -1, 1.3, 0.5), (0.01, 1e-4, 20, 1), (5, 0.05, 10, 3)],
        0,
    ),
    _family(
        "exp4",
        _exp4,
        [(0.7, 0, 1.3, 0.5), (0.8, 1e-4, 10, 2), (-0.8, -6, 3, 2), (0.3, 0.02, 5, 1)],
        0,
    ),
    _family(
        "janoschek",
        _janoschek,
        [(0.73, 0, 1.3, 0.5), (0.07, -1, 1.3, 0.5), (0.355, 1e-4, 20, 1), (0.46, 0.05, 5, 1)],
        0,
    ),
    _family(
        "weibull",
        _weibull,
        [(0.7, 0, 1.3, 0.5), (0.1, -1, 1.3, 0.5), (0.01, 1e-4, 20, 1), (1, 0.05, 5, 1)],
        0,
    ),
    _family("ilog2", _ilog2, [(0.78, 0, 1.5, 0.5), (0.43, -1, 3, 1)], 0),
)
"""Starts are those of the paper; that of ``log_log_linear``, which it does not give, is 1 and 1."""
