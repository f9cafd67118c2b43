"""A power law, ``c - a x^-alpha``: the simplest curve that training follows.

Cortes, Jackel, Solla, Vapnik and Denker, "Learning Curves: Asymptotic Values and Rate of
Convergence", NIPS 1993.
"""

from __future__ import annotations

from collections.abc import Sequence

from workbench.predictors.curves.parametric import Parametric


class PowerLaw(Parametric):
    """The family ``pow3`` of ``parametric`` alone.

    Parameters
    ----------
    limits, corrected, epochs
        As of ``Parametric``.
    """

    def __init__(
        self,
        limits: tuple[float, float] | None = None,
        corrected: bool = True,
        epochs: Sequence[float] | None = None,
    ) -> None:
        super().__init__(("pow3",), limits, corrected, epochs)
