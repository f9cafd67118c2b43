"""Finding the layers of a network, and copies of it that may be changed."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from math import sqrt
from typing import Any

import torch
from torch import Tensor, nn

from workbench.errors import ParameterError

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
WEIGHTED = (*CONVOLUTIONS, nn.Linear)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
RELUS = (nn.ReLU, nn.ReLU6)


def layers_of(network: nn.Module, kinds: tuple[type[nn.Module], ...], proxy: str) -> list[Any]:
    """Return all modules of some kinds.

    Raises
    ------
    ParameterError
        There is none.
    """
    found = [module for module in network.modules() if isinstance(module, kinds)]
    if not found:
        raise nothing_found(proxy, kinds)
    return found


def nothing_found(proxy: str, kinds: tuple[type[nn.Module], ...]) -> ParameterError:
    """Return the error of a network without what a proxy reads."""
    wanted = ", ".join(f"nn.{kind.__name__}" for kind in kinds)
    return ParameterError(
        f"The 'network' parameter of {proxy} must hold modules of these kinds: {wanted}."
        " Got a network without any instead (a function such as torch.relu is not seen)."
    )


def weights_of(network: nn.Module, proxy: str) -> list[Tensor]:
    """Return the weights of all convolutions and linear layers, each once; no biases, no gains."""
    found = {id(m.weight): m.weight for m in layers_of(network, WEIGHTED, proxy)}
    return list(found.values())


def precision_of(network: nn.Module) -> torch.dtype:
    """Return double where the network is, else single."""
    double = any(parameter.dtype == torch.float64 for parameter in network.parameters())
    return torch.float64 if double else torch.float32


def twin_of(network: nn.Module) -> nn.Module:
    """Return a copy on the CPU that is ready to be passed through.

    It trains (batch norm takes the statistics of its batch), all its weights have gradients, and
    no ReLU writes over what a convolution has put out. Each batch norm remembers the statistics of
    its last batch alone. Memory lies channel by channel within a pixel: convolutions of few
    channels are twice as fast so.
    """
    twin = deepcopy(network).train().requires_grad_(True)
    for module in twin.modules():
        if getattr(module, "inplace", False):
            module.inplace = False  # type: ignore[assignment]
        if isinstance(module, NORMS):
            _remember(module)
    with torch.no_grad():
        twin = twin.to("cpu", precision_of(network))
        return twin.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def _remember(norm: nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d) -> None:
    norm.track_running_stats, norm.momentum = True, 1.0
    norm.running_mean = torch.zeros(norm.num_features)
    norm.running_var = torch.ones(norm.num_features)


def redrawn(
    network: nn.Module, spread: Callable[[Tensor], float], random: torch.Generator
) -> dict[str, Tensor]:
    """Return other weights by name, normal with a standard deviation each; biases 0, gains 1.

    They are for ``torch.func.functional_call``: a copy of the network would take longer.
    """
    found: dict[str, Tensor] = {}
    for name, module in network.named_modules():
        before = f"{name}." if name else ""
        if isinstance(module, WEIGHTED):
            noise = torch.randn(module.weight.shape, generator=random)
            found[f"{before}weight"] = noise.mul_(spread(module.weight)).to(module.weight)
        elif isinstance(module, NORMS) and module.affine:
            found[f"{before}weight"] = torch.ones_like(module.weight)
        if isinstance(module, (*WEIGHTED, *NORMS)) and module.bias is not None:
            found[f"{before}bias"] = torch.zeros_like(module.bias)
    return {name: weight.detach().requires_grad_() for name, weight in found.items()}


def kaiming(weight: Tensor) -> float:
    """Return ``sqrt(2 / fan_in)`` (He et al. 2015, arXiv:1502.01852)."""
    return sqrt(2 / weight[0].numel())


def replace_norms(network: nn.Module) -> None:
    """Put the identity in place of every batch norm."""
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, NORMS):
                setattr(parent, name, nn.Identity())
