"""HPOBench's MLP: joint architecture and hyperparameters of networks for OpenML classification.

Eggensperger et al., "HPOBench: A Collection of Reproducible Multi-Fidelity Benchmark Problems for
HPO", 2021, arXiv:2109.06716.
"""

from __future__ import annotations

from workbench.spaces._product import Space
from workbench.types import Decision

_ALPHA = (
    *(1e-8, 7.742637e-8, 5.994842e-7, 4.641589e-6, 3.5938137e-5),
    *(2.7825593e-4, 2.1544348e-3, 1.6681006e-2, 1.2915497e-1, 1.0),
)
_RATE = (
    *(1e-5, 3.5938137e-5, 1.2915497e-4, 4.641589e-4, 1.6681006e-3),
    *(5.9948424e-3, 2.1544347e-2, 7.742637e-2, 2.7825594e-1, 1.0),
)


class MLP(Space):
    """The 30,000 configurations; strings are ``name=value`` pairs joined by commas."""

    def __init__(self) -> None:
        decisions = [
            Decision("alpha", _ALPHA, "log"),
            Decision("batch_size", (4, 6, 10, 16, 25, 40, 64, 101, 161, 256), "log"),
            Decision("depth", (1, 2, 3), "ordered"),
            Decision("learning_rate_init", _RATE, "log"),
            Decision("width", (16, 25, 40, 64, 101, 161, 256, 406, 645, 1024), "log"),
        ]
        super().__init__("mlp", decisions)
