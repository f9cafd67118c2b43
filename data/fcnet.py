"""FC-Net: joint architecture and hyperparameters of regression networks, 4 seeds."""

from __future__ import annotations

from typing import ClassVar

from workbench.data._simple_hpo import SimpleHPOBench
from workbench.types import Metric


class FCNet(SimpleHPOBench):
    """62,208 two-layer networks on four UCI data sets, trained for 100 epochs.

    Klein and Hutter, "Tabular Benchmarks for Joint Architecture and Hyperparameter Optimization",
    2019, arXiv:1905.04970.
    """

    DATASETS = (
        "naval_propulsion",
        "parkinsons_telemonitoring",
        "protein_structure",
        "slice_localization",
    )
    FAMILY = "fcnet"
    SPACE = "fcnet"
    FILE = "datasets/hpolib/{}.pkl"
    METRICS: ClassVar[tuple[Metric, ...]] = (
        Metric("val_loss", "MSE", "min", "validation", "validation loss after the last epoch"),
        Metric("train_time", "s", "min", "none", "training time of all epochs"),
        Metric("model_size", "", "min", "none", "number of parameters"),
    )
    EPOCHS = (100,)
    SCORE = "val_loss"
    COST = "train_time"
