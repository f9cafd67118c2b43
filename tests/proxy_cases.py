"""Small networks with their batches, for tests of zero-cost proxies."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from workbench.networks import build
from workbench.proxies import score
from workbench.spaces import space

NB201 = space("nb201")
CELL = (3, 2, 3, 1, 3, 4)
Array = NDArray[np.float64]


def cell_network(arch: tuple[int, ...] = CELL, **settings: int) -> nn.Module:
    """Return a network of NAS-Bench-201 for images of 2 x 8 x 8 and three classes."""
    sizes = {"channels": 4, "cells": 1, "stages": 2} | settings
    return build(NB201, arch, (2, 8, 8), 3, **sizes).double()


def images(n: int = 8) -> tuple[Tensor, Tensor]:
    """Return normal images, ``(n, 2, 8, 8)``, and their classes in turn, ``(n,)``."""
    random = torch.Generator().manual_seed(1)
    x = torch.randn((n, 2, 8, 8), generator=random, dtype=torch.float64)
    return x, torch.arange(n) % 3


def perceptron() -> nn.Module:
    """Return a network for vectors of five numbers and three classes."""
    torch.manual_seed(3)
    layers = [nn.Linear(5, 7), nn.ReLU(), nn.Linear(7, 6), nn.ReLU(), nn.Linear(6, 3)]
    return nn.Sequential(*layers).double()


def vectors(n: int = 8) -> tuple[Tensor, Tensor]:
    """Return normal vectors, ``(n, 5)``, and their classes in turn, ``(n,)``."""
    random = torch.Generator().manual_seed(2)
    return torch.randn((n, 5), generator=random, dtype=torch.float64), torch.arange(n) % 3


Case = tuple[nn.Module, Tensor, Tensor]
CASES: dict[str, Callable[[], Case]] = {
    "cell": lambda: (cell_network(), *images()),
    "perceptron": lambda: (perceptron(), *vectors()),
}


def one_score(name: str, case: Case) -> float:
    """Return what a proxy says of a network and its batch."""
    return score(*case, [name])[name]
