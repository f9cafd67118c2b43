"""Several networks of one architecture as one, so that they train together.

Small networks spend their time in starting operations, not in computing: three of them side by side
take little longer than one.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import TypeVar

import torch
from torch import Tensor, nn

from workbench.errors import ParameterError

Layer = TypeVar("Layer", nn.Conv2d, nn.BatchNorm2d)


def stack(networks: Sequence[nn.Module]) -> nn.Module:
    """Return one network that computes all, each with weights and statistics of its own.

    Parameters
    ----------
    networks : sequence of Module
        Of one architecture: of convolutions, batch norm and linear layers, and of modules without
        weights that treat channels alike and features in order (ReLU, pooling). They are copied.

    Returns
    -------
    Module
        Takes ``(n, k * channels, ...)``, the inputs of the ``k`` networks one after another, and
        returns ``(n, k * classes)``.

    Raises
    ------
    ParameterError
        A layer with weights that cannot be stacked.
    """
    if len(networks) == 1:
        return deepcopy(networks[0])
    return _joined(list(networks), "")


def _joined(parts: list[nn.Module], name: str) -> nn.Module:
    first = parts[0]
    if isinstance(first, nn.Conv2d):
        return _convolutions(parts)  # type: ignore[arg-type]
    if isinstance(first, nn.BatchNorm2d):
        return _norms(parts)  # type: ignore[arg-type]
    if isinstance(first, nn.Linear):
        return StackedLinear(parts)  # type: ignore[arg-type]
    if next(first.parameters(recurse=False), None) is not None:
        raise ParameterError(f"a layer {type(first).__name__} ({name!r}) cannot be stacked")
    joined = _shell(first)
    for key, _ in first.named_children():
        children = [part.get_submodule(key) for part in parts]
        joined.add_module(key, _joined(children, f"{name}.{key}".strip(".")))
    return joined


def _shell(module: nn.Module) -> nn.Module:
    """Return a copy without its children."""
    children = module._modules
    module._modules = {}
    try:
        return deepcopy(module)
    finally:
        module._modules = children


def _convolutions(parts: Sequence[nn.Conv2d]) -> nn.Conv2d:
    first, k = parts[0], len(parts)
    joined = nn.Conv2d(
        k * first.in_channels,
        k * first.out_channels,
        first.kernel_size,  # type: ignore[arg-type]
        first.stride,  # type: ignore[arg-type]
        first.padding,  # type: ignore[arg-type]
        first.dilation,  # type: ignore[arg-type]
        k * first.groups,
        first.bias is not None,
        first.padding_mode,
        device="meta",
    )
    return _with_state(joined, parts)


def _norms(parts: Sequence[nn.BatchNorm2d]) -> nn.BatchNorm2d:
    first, k = parts[0], len(parts)
    joined = nn.BatchNorm2d(
        k * first.num_features,
        first.eps,
        first.momentum,
        first.affine,
        first.track_running_stats,
        device="meta",
    )
    return _with_state(joined, parts)


def _with_state(joined: Layer, parts: Sequence[Layer]) -> Layer:
    states = [part.state_dict() for part in parts]
    joined.load_state_dict(
        {
            key: torch.cat([s[key] for s in states]) if value.dim() else value.clone()
            for key, value in states[0].items()
        },
        assign=True,
    )
    return joined.train(parts[0].training)


class StackedLinear(nn.Module):
    """Linear layers of which each sees its own part of the features."""

    def __init__(self, parts: Sequence[nn.Linear]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.stack([part.weight.detach() for part in parts]))
        self.bias = None
        if parts[0].bias is not None:
            self.bias = nn.Parameter(torch.stack([part.bias.detach() for part in parts]))

    def forward(self, x: Tensor) -> Tensor:
        """Return ``(n, k * outputs)`` of ``(n, k * inputs)``."""
        inputs = x.view(len(x), self.weight.shape[0], -1)
        outputs = torch.einsum("nki,koi->nko", inputs, self.weight)
        if self.bias is not None:
            outputs = outputs + self.bias
        return outputs.flatten(1)
