"""Support vector regression on the curve, its differences and the architecture.

Baker, Gupta, Raskar and Naik, "Accelerating Neural Architecture Search using Performance
Prediction", 2017, arXiv:1705.10823.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sklearn.compose import TransformedTargetRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import NuSVR

from workbench.predictors._pipeline import Given
from workbench.predictors.curves._regressed import Regressed
from workbench.spaces import Space


class LcSVR(Regressed):
    """A nu-SVR for each number of epochs.

    Parameters
    ----------
    space : Space, optional
        With a space, the rows of X begin with the architecture's decisions.
    encoding : str, mapping, transformer, list of these or None, default None
        How the architecture is seen, as of ``workbench.pipeline``; with a space only.
    kernel : {"rbf", "linear"}, default "rbf"
        Kernel on standardised features.
    C, nu : float, default 10 and .5
        As of ``sklearn.svm.NuSVR``.
    epochs : sequence of float, optional
        The epoch of each column; it changes nothing here.
    """

    def __init__(
        self,
        space: Space | None = None,
        encoding: Given = None,
        kernel: str = "rbf",
        C: float = 10.0,
        nu: float = 0.5,
        epochs: Sequence[float] | None = None,
    ) -> None:
        self.space = space
        self.encoding = encoding
        self.kernel = kernel
        self.C = C
        self.nu = nu
        self.epochs = epochs

    def _model(self) -> Any:
        svr = NuSVR(kernel=self.kernel, C=self.C, nu=self.nu)
        scaled = make_pipeline(StandardScaler(), svr)
        return TransformedTargetRegressor(scaled, transformer=StandardScaler())
