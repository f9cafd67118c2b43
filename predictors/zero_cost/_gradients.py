"""Gradients of numbers that need not depend on what they are taken by."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def gradient_of(value: Tensor, by: list[Tensor], create_graph: bool = False) -> list[Tensor]:
    """Return the gradients of a number; zeros where it does not depend on what is asked for."""
    if not value.requires_grad:
        return [torch.zeros_like(tensor) for tensor in by]
    found: Any = torch.autograd.grad(
        value, by, retain_graph=True, create_graph=create_graph, allow_unused=True
    )
    return [torch.zeros_like(t) if g is None else g for t, g in zip(by, found, strict=True)]


def saliency_of(output: Tensor, gradient: Tensor) -> Tensor:
    """Return, per channel, the mean over examples of the squared sum over positions."""
    product = output * gradient
    sums = product.sum(dim=tuple(range(2, product.dim()))) if product.dim() > 2 else product
    return sums.square().mean(dim=0)
