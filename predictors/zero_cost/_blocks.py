"""The blocks that a network is a chain of, and the features after each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call

from workbench.errors import ParameterError
from workbench.predictors.zero_cost._hooks import watched
from workbench.predictors.zero_cost._layers import NORMS, RELUS, WEIGHTED, kaiming, redrawn
from workbench.predictors.zero_cost._passes import Passes

_CONTAINERS = (nn.Sequential, nn.ModuleList)


class Features(NamedTuple):
    """What each block puts out, still in the graph, ``(n, c, h, w)``, and draws for later."""

    blocks: list[Tensor]
    random: torch.Generator


def features_of(passes: Passes) -> Features:
    """Pass noise through the network with weights of He's initialisation, as AZ-NAS does.

    Both are drawn from the seed. A block is a module with parts that is no ``Sequential``, such as
    a cell, or a convolution or linear layer with the batch norm and ReLU after it. The last linear
    layer is the classifier and no block.

    Raises
    ------
    ParameterError
        There are less than two blocks.
    """
    return passes.ledger.once("pass az_nas", lambda: _compute(passes))


def _compute(passes: Passes) -> Features:
    random, twin = passes.generator("az_nas"), passes.twin
    weights = redrawn(twin, kaiming, random)
    ends, found = set(ends_of(twin)), []

    def watch(_: nn.Module, __: Tensor, output: Tensor) -> None:
        found.append(output)

    with watched(twin, ends.__contains__, watch):
        functional_call(twin, weights, (passes.noise(len(passes.x), random),))
    images = [as_images(features) for features in found if 2 <= features.dim() <= 4]
    if len(images) < 2:
        raise ParameterError(
            "The 'network' parameter of az_nas must be a chain of two blocks or more before its"
            f" classifier. Got {len(images)} instead."
        )
    return Features(images, random)


def as_images(features: Tensor) -> Tensor:
    """Return rows or sequences as images of one pixel or one line."""
    for _ in range(4 - features.dim()):
        features = features.unsqueeze(2)
    return features


def ends_of(network: nn.Module) -> list[nn.Module]:
    """Return the module that ends each block."""
    ends: list[nn.Module] = []
    weighted = False
    for module in _opened(network):
        simple = next(module.children(), None) is None
        if isinstance(module, WEIGHTED) or not simple:
            ends.append(module)
            weighted = simple
        elif weighted and isinstance(module, (*NORMS, *RELUS)):
            ends[-1] = module
    return ends[:-1] if ends and isinstance(ends[-1], nn.Linear) else ends


def _opened(module: nn.Module) -> Iterator[nn.Module]:
    """Yield the parts of a network in order, those of containers instead of these."""
    parts = list(module.children())
    if not parts:
        yield module
    for part in parts:
        if isinstance(part, _CONTAINERS):
            if len(part):
                yield from _opened(part)
        else:
            yield part
