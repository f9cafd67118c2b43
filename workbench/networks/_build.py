"""A network by the name of its space, with weights of its own seed."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import signature
from math import sqrt
from typing import Any, TypeVar

import numpy as np
import torch
from torch import nn

from workbench import registry
from workbench.errors import ParameterError, UnknownName, did_you_mean
from workbench.networks._dropout import Dropout
from workbench.spaces import Space
from workbench.types import Arch

Network = TypeVar("Network", bound=nn.Module)


def build(
    space: Space,
    arch: Arch,
    shape: tuple[int, ...],
    classes: int,
    *,
    seed: int = 0,
    **settings: Any,
) -> nn.Module:
    """Return the network of an architecture, on the CPU, ready to be trained.

    Parameters
    ----------
    space : Space
        ``workbench/networks`` holds a file of its name, or of that of which it is a part.
    arch : Arch
    shape : tuple of int
        Of one example: ``(channels, height, width)`` of an image, ``(features,)`` of a row.
    classes : int
        Number of outputs.
    seed : int
        Of the weights. The state of torch's own generator is neither read nor changed.
    settings
        What the network takes besides, such as ``channels`` and ``cells`` of ``nb201``.

    Raises
    ------
    UnknownName
        No network is known for this space.
    ArchitectureError
        Not in the space.
    ParameterError
        A setting that the network does not take, or a wrong value.
    """
    space.check(np.array([arch]))
    make = network_of(space, settings)
    with torch.device("meta"):
        try:
            network: nn.Module = make(tuple(arch), tuple(shape), classes, **settings)
        except TypeError as error:
            raise ParameterError(f"the network of {space.name} cannot be built: {error}") from error
    return initialise(network.to_empty(device="cpu"), seed)


def network_of(space: Space, settings: Mapping[str, Any]) -> type[nn.Module]:
    """Return the class of a space's networks, if it takes settings of these names.

    Raises
    ------
    UnknownName
        No network is known for this space.
    ParameterError
        A setting that the network does not take.
    """
    name = space.whole.name
    known = registry.names("networks")
    if name not in known:
        raise UnknownName("network of the space", name, known)
    make: type[nn.Module] = registry.load("networks", name)
    takes = list(signature(make).parameters)[3:]
    for key in settings:
        if key not in takes:
            hint = did_you_mean(key, takes) or "; it takes none"
            raise ParameterError(f"the network of {name} has no setting {key!r}{hint}")
    return make


def initialise(network: Network, seed: int) -> Network:
    """Draw all weights anew, in place, as torch initialises its layers, but from a seed.

    Weights of convolutions and linear layers are uniform with variance ``1 / (3 fan_in)``, and so
    are the biases; gains of batch norm are 1, its shifts 0 (He et al., "Delving Deep into
    Rectifiers", 2015, arXiv:1502.01852, with the slope sqrt(5) that torch takes).
    """
    random = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_uniform_(module.weight, a=sqrt(5), generator=random)
            if module.bias is not None:
                bound = module.weight[0].numel() ** -0.5
                nn.init.uniform_(module.bias, -bound, bound, generator=random)
        elif isinstance(module, nn.BatchNorm2d | nn.BatchNorm1d):
            module.reset_parameters()
        elif isinstance(module, Dropout):
            module.draw_anew(random)
    return network
