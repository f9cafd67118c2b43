"""FC-Net: two hidden layers with dropout, trained by Adam.

Klein and Hutter, "Tabular Benchmarks for Joint Architecture and Hyperparameter Optimization", 2019,
arXiv:1905.04970.
"""

from __future__ import annotations

from math import prod
from typing import Any

from torch import Tensor, nn

from workbench.networks._dropout import Dropout
from workbench.spaces import space
from workbench.types import Arch

EXTRA = "torch"

_ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh}
_SCHEDULES = {"cosine": "cosine", "const": "constant"}


class FCNet(nn.Module):
    """Two layers, each followed by its activation and its dropout, then a linear layer.

    The paper's network predicts one number; this one classifies, and ends with as many outputs as
    there are classes. Batch size, learning rate and schedule are of the training and change nothing
    here.

    Parameters
    ----------
    arch : Arch
        The nine decisions of the space.
    shape : tuple of int
        Of one example; what is no row is flattened.
    classes : int
    """

    def __init__(self, arch: Arch, shape: tuple[int, ...], classes: int) -> None:
        super().__init__()
        chosen = _values(arch)
        layers: list[nn.Module] = [nn.Flatten()]
        before = prod(shape)
        for layer in ("1", "2"):
            width = chosen[f"n_units_{layer}"]
            activation = _ACTIVATIONS[chosen[f"activation_fn_{layer}"]]
            layers += [nn.Linear(before, width), activation(), Dropout(chosen[f"dropout_{layer}"])]
            before = width
        self.layers = nn.Sequential(*layers, nn.Linear(before, classes))

    def forward(self, x: Tensor) -> Tensor:
        """Return logits ``(n, classes)`` of examples ``(n, ...)``."""
        logits: Tensor = self.layers(x)
        return logits

    @staticmethod
    def settings(arch: Arch) -> dict[str, object]:
        """Return the settings of the trainer that the architecture decides."""
        chosen = _values(arch)
        return {
            "optimiser": "adam",
            "schedule": _SCHEDULES[chosen["lr_schedule"]],
            "batch_size": chosen["batch_size"],
            "learning_rate": chosen["init_lr"],
            "weight_decay": 0.0,
        }


def _values(arch: Arch) -> dict[str, Any]:
    decisions = space("fcnet").decisions
    return {d.name: d.values[i] for d, i in zip(decisions, arch, strict=True)}
