"""The network of NAS-Bench-201: one cell, repeated, in stages that halve the image.

Dong and Yang, "NAS-Bench-201: Extending the Scope of Reproducible Neural Architecture Search",
2020, arXiv:2001.00326. The published one has three stages of five cells and 16 channels.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor, nn

from workbench.errors import ParameterError
from workbench.spaces.nb201 import EDGES, OPERATIONS
from workbench.types import Arch

EXTRA = "torch"


class NB201(nn.Module):
    """A stem, stages of cells with residual blocks between, and a linear layer.

    Parameters
    ----------
    arch : Arch
        The six operations, in the order of the official string.
    shape : (int, int, int)
        Channels, height and width of an image.
    classes : int
    channels : int, default=16
        Of the first stage; each later one has twice as many.
    cells : int, default=5
        In each stage.
    stages : int, default=3
        Each but the first begins by halving the image.
    stem_stride : int, default=1
        2 halves the image at once, for small measurements.

    Attributes
    ----------
    MODEST : mapping
        What live benchmarks build where nothing else is said, so that a laptop trains it.
    """

    MODEST: ClassVar[Mapping[str, int]] = {"channels": 8, "cells": 1}

    def __init__(
        self,
        arch: Arch,
        shape: tuple[int, ...],
        classes: int,
        *,
        channels: int = 16,
        cells: int = 5,
        stages: int = 3,
        stem_stride: int = 1,
    ) -> None:
        super().__init__()
        _check(shape, classes=classes, channels=channels, cells=cells, stages=stages)
        if stem_stride not in (1, 2):
            raise ParameterError(
                f"The 'stem_stride' parameter of NB201 must be 1 or 2. Got {stem_stride!r} instead."
            )
        self.stem = nn.Sequential(
            nn.Conv2d(shape[0], channels, 3, stem_stride, 1, bias=False), nn.BatchNorm2d(channels)
        )
        body: list[nn.Module] = []
        width = channels
        for stage in range(stages):
            if stage > 0:
                body.append(ResidualBlock(width, 2 * width))
                width *= 2
            body += [Cell(arch, width) for _ in range(cells)]
        self.body = nn.Sequential(*body)
        self.last = nn.Sequential(nn.BatchNorm2d(width), nn.ReLU())
        self.classifier = nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits ``(n, classes)`` of images ``(n, channels, height, width)``."""
        features: Tensor = self.last(self.body(self.stem(x)))
        logits: Tensor = self.classifier(features.mean(dim=(2, 3)))
        return logits


class Cell(nn.Module):
    """Four nodes, each the sum of what its edges bring; an edge ``none`` brings nothing."""

    def __init__(self, arch: Arch, width: int) -> None:
        super().__init__()
        self.edges = nn.ModuleDict(
            {
                f"{source}{target}": _operation(OPERATIONS[op], width)
                for op, (source, target) in zip(arch, EDGES, strict=True)
                if OPERATIONS[op] != "none"
            }
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return the last node, of the shape of the first."""
        nodes = [x]
        for target in (1, 2, 3):
            brought = [
                self.edges[f"{source}{target}"](nodes[source])
                for source in range(target)
                if f"{source}{target}" in self.edges
            ]
            total = x.new_zeros(()).expand_as(x) if not brought else brought[0]
            for more in brought[1:]:
                total = total + more
            nodes.append(total)
        return nodes[3]


class ResidualBlock(nn.Module):
    """The basic block of a ResNet that halves the image and widens it.

    The published network has images of even size only; the shortcut rounds an odd one up, as the
    convolution does.
    """

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.first = _convolution(before, after, 3, stride=2)
        self.second = _convolution(after, after, 3)
        self.shortcut = nn.Sequential(
            nn.AvgPool2d(2, 2, ceil_mode=True, count_include_pad=False),
            nn.Conv2d(before, after, 1, bias=False),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return features of half the height and width."""
        residual: Tensor = self.second(self.first(x))
        shortcut: Tensor = self.shortcut(x)
        return shortcut + residual


def _operation(name: str, width: int) -> nn.Module:
    if name == "skip_connect":
        return nn.Identity()
    if name == "avg_pool_3x3":
        return nn.AvgPool2d(3, 1, 1, count_include_pad=False)
    return _convolution(width, width, {"nor_conv_1x1": 1, "nor_conv_3x3": 3}[name])


def _convolution(before: int, after: int, size: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.ReLU(),
        nn.Conv2d(before, after, size, stride, size // 2, bias=False),
        nn.BatchNorm2d(after),
    )


def _check(shape: tuple[int, ...], **sizes: int) -> None:
    if len(shape) != 3 or min(shape) < 1:
        raise ParameterError(
            "The 'shape' parameter of NB201 must be (channels, height, width) of an image."
            f" Got {shape!r} instead."
        )
    for name, value in sizes.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise ParameterError(
                f"The {name!r} parameter of NB201 must be an integer of at least 1."
                f" Got {value!r} instead."
            )
