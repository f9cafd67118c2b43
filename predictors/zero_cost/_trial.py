"""Small networks on which the contract suite tries a proxy, and what may not change by it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nn

from workbench.networks import build, initialise
from workbench.predictors.zero_cost._passes import Passes
from workbench.spaces import space

_CELLS = ((0,) * 6, (1,) * 6, (3,) * 6, (4,) * 6, (3, 2, 3, 1, 3, 4), (0, 0, 0, 2, 0, 0))


class Trial(NamedTuple):
    """A network and a batch of eight."""

    network: nn.Module
    x: Tensor
    y: Tensor

    def passes(self, seed: int = 0) -> Passes:
        """Return fresh passes."""
        return Passes(self.network, self.x, self.y, seed=seed)


def trials() -> list[Trial]:
    """Return cells, some of which carry nothing, a chain of convolutions, and a perceptron."""
    cells = [
        build(space("nb201"), cell, (2, 8, 8), 3, channels=4, cells=1, stages=2) for cell in _CELLS
    ]
    chain = nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(inplace=True),
        nn.Conv2d(4, 4, 3), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(144, 3),
    )  # fmt: skip
    perceptron = nn.Sequential(
        nn.Linear(5, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 3)
    )
    images, rows = _batch(2, 8, 8), _batch(5)
    found = [Trial(network, *images) for network in [*cells, initialise(chain, 0)]]
    return [*found, Trial(initialise(perceptron, 0), *rows)]


def bare() -> Trial:
    """Return a network without weights, batch norm or ReLU."""
    return Trial(nn.Sequential(nn.Flatten()), *_batch(3))


@contextmanager
def left_alone(trial: Trial) -> Iterator[None]:
    """Assert that weights, buffers, gradients, modes, hooks and torch's generator stay."""
    before, random = _seen(trial.network), torch.get_rng_state()
    yield
    assert _seen(trial.network) == before, "changes the network that it is given"
    assert torch.equal(torch.get_rng_state(), random), "draws from torch's own generator"


def _seen(network: nn.Module) -> list[object]:
    state = [(key, value.tolist()) for key, value in network.state_dict().items()]
    weights = [(p.requires_grad, p.grad is None) for p in network.parameters()]
    modules = [(m.training, len(m._forward_hooks)) for m in network.modules()]
    return [state, weights, modules]


def _batch(*shape: int) -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(0)
    return torch.randn((8, *shape), generator=random), torch.arange(8) % 3
