"""FC-Net: joint architecture and hyperparameters of two-layer networks for regression.

Klein and Hutter, "Tabular Benchmarks for Joint Architecture and Hyperparameter Optimization", 2019,
arXiv:1905.04970.
"""

from __future__ import annotations

from workbench.spaces._product import Space
from workbench.types import Decision

_UNITS = (16, 32, 64, 128, 256, 512)


class FCNet(Space):
    """The 62,208 configurations; strings are ``name=value`` pairs joined by commas."""

    def __init__(self) -> None:
        decisions = [
            Decision("activation_fn_1", ("relu", "tanh")),
            Decision("activation_fn_2", ("relu", "tanh")),
            Decision("batch_size", (8, 16, 32, 64), "log"),
            Decision("dropout_1", (0.0, 0.3, 0.6), "ordered"),
            Decision("dropout_2", (0.0, 0.3, 0.6), "ordered"),
            Decision("init_lr", (5e-4, 1e-3, 5e-3, 1e-2, 5e-2, 1e-1), "log"),
            Decision("lr_schedule", ("cosine", "const")),
            Decision("n_units_1", _UNITS, "log"),
            Decision("n_units_2", _UNITS, "log"),
        ]
        super().__init__("fcnet", decisions)
