"""NAS-Bench-201: convolutional cells on CIFAR-10, CIFAR-100 and ImageNet16-120, 2 or 3 seeds."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np

from workbench.data._simple_hpo import SimpleHPOBench
from workbench.types import Archs, Floats, Metric

_PER_1X1, _PER_3X3 = 0.028, 0.24304


class NB201(SimpleHPOBench):
    """15,625 cells trained for 200 epochs; see the card for what is known to be wrong.

    Dong and Yang, "NAS-Bench-201: Extending the Scope of Reproducible Neural Architecture Search",
    2020, arXiv:2001.00326.
    """

    DATASETS = ("cifar10", "cifar100", "imagenet16-120")
    FAMILY = "nb201"
    SPACE = "nb201"
    FILE = "datasets/nasbench201/{}.pkl"
    METRICS: ClassVar[tuple[Metric, ...]] = (
        Metric("val_acc", "%", "max", "validation", "validation accuracy after the last epoch"),
        Metric(
            "train_time", "s", "min", "none", "training time of all epochs, equal for all seeds"
        ),
        Metric("latency", "s", "min", "none", "inference time of a batch, equal for all seeds"),
        Metric("model_size", "M", "min", "none", "parameters in millions; see model_size_errors"),
    )
    EPOCHS = (200,)
    SCORE = "val_acc"
    COST = "train_time"

    @classmethod
    def source(cls, dataset: str) -> Path:
        """Return the package's file; it calls ImageNet16-120 just ``imagenet``."""
        return super().source("imagenet" if dataset == "imagenet16-120" else dataset)

    def model_size_errors(self) -> Archs:
        """Return the architectures with a stored replicate of wrong ``model_size``, ``(204, 6)``.

        What they should be is ``expected_model_size``.
        """
        archs = self.space.all()
        stored = self._table.values[:, :, 0, self._names.index("model_size")]
        off = np.abs(stored - self.expected_model_size(archs)[:, None]) > 1e-6
        return archs[off.any(axis=1)]

    def expected_model_size(self, archs: Archs) -> Floats:
        """Return millions of parameters by the number of convolutions, shape ``(n,)``."""
        archs = self.space.check(archs)
        empty = self.query((0,) * 6, 200, 0).metrics["model_size"]
        ones, threes = (archs == 2).sum(axis=1), (archs == 3).sum(axis=1)
        return np.asarray(empty + _PER_1X1 * ones + _PER_3X3 * threes)
