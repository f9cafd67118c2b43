"""HPOBench's MLP: one to three hidden layers of one width, trained by Adam.

Eggensperger et al., "HPOBench: A Collection of Reproducible Multi-Fidelity Benchmark Problems for
HPO", 2021, arXiv:2109.06716, where it is scikit-learn's ``MLPClassifier``.
"""

from __future__ import annotations

from math import prod

from torch import Tensor, nn

from workbench.spaces import space
from workbench.types import Arch

EXTRA = "torch"


class MLP(nn.Module):
    """Hidden layers with ReLU, then a linear layer.

    Alpha, batch size and learning rate are of the training and change nothing here.

    Parameters
    ----------
    arch : Arch
        Alpha, batch size, depth, learning rate, width.
    shape : tuple of int
        Of one example; what is no row is flattened.
    classes : int
    """

    def __init__(self, arch: Arch, shape: tuple[int, ...], classes: int) -> None:
        super().__init__()
        chosen = _values(arch)
        width = int(chosen["width"])
        layers: list[nn.Module] = [nn.Flatten()]
        before = prod(shape)
        for _ in range(int(chosen["depth"])):
            layers += [nn.Linear(before, width), nn.ReLU()]
            before = width
        self.layers = nn.Sequential(*layers, nn.Linear(before, classes))

    def forward(self, x: Tensor) -> Tensor:
        """Return logits ``(n, classes)`` of examples ``(n, ...)``."""
        logits: Tensor = self.layers(x)
        return logits

    @staticmethod
    def settings(arch: Arch) -> dict[str, object]:
        """Return the settings of the trainer that the architecture decides.

        scikit-learn adds ``alpha / 2`` times the squared weights to the loss of a whole batch, so
        that the decay of a mean loss is ``alpha / batch_size``. It spares the biases; the trainer
        does not.
        """
        chosen = _values(arch)
        return {
            "optimiser": "adam",
            "schedule": "constant",
            "batch_size": int(chosen["batch_size"]),
            "learning_rate": chosen["learning_rate_init"],
            "weight_decay": chosen["alpha"] / chosen["batch_size"],
        }


def _values(arch: Arch) -> dict[str, float]:
    decisions = space("mlp").decisions
    return {d.name: float(d.values[i]) for d, i in zip(decisions, arch, strict=True)}
