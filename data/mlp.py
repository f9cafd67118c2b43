"""HPOBench's MLP: joint architecture and hyperparameters on OpenML classification, 5 seeds."""

from __future__ import annotations

from typing import ClassVar

from workbench.data._simple_hpo import SimpleHPOBench
from workbench.types import Metric


class MLP(SimpleHPOBench):
    """30,000 networks on eight OpenML tasks, trained for 243 epochs.

    Eggensperger et al., "HPOBench: A Collection of Reproducible Multi-Fidelity Benchmark Problems
    for HPO", 2021, arXiv:2109.06716.
    """

    DATASETS = (
        "australian",
        "blood_transfusion",
        "car",
        "credit_g",
        "kc1",
        "phoneme",
        "segment",
        "vehicle",
    )
    FAMILY = "mlp"
    SPACE = "mlp"
    FILE = "datasets/hpobench/{}.pkl"
    METRICS: ClassVar[tuple[Metric, ...]] = (
        Metric(
            "val_acc", "fraction", "max", "validation", "balanced accuracy, in spite of its name"
        ),
        Metric("val_precision", "fraction", "max", "validation", "precision, mean over classes"),
        Metric("val_f1", "fraction", "max", "validation", "F1, mean over classes"),
        Metric("train_time", "s", "min", "none", "time of fitting and of one validation"),
    )
    EPOCHS = (243,)
    SCORE = "val_acc"
    COST = "train_time"
