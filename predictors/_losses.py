"""Losses of networks: of values, of pairs and of whole rankings.

A function takes outputs and targets, ``(..., n)`` each, and returns one number for each row of
leading axes. Targets have mean 0 and deviation 1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor

from workbench.encodings._parameters import check_choices, check_numbers

Loss = Literal["mae", "mse", "hinge", "listmle"]

MARGIN = 0.1


def mae(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return the mean absolute error."""
    return (outputs - targets).abs().mean(dim=-1)


def mse(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return the mean squared error."""
    return ((outputs - targets) ** 2).mean(dim=-1)


def hinge(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return the mean of ``max(0, margin - (f_i - f_j))`` over pairs with ``y_i > y_j``.

    0 where there is no such pair. Herbrich, Graepel and Obermayer, "Large margin rank boundaries
    for ordinal regression", 2000; for predictors of architectures, Ning et al., "A Generic
    Graph-based Neural Architecture Encoding Scheme for Predictor-based NAS", 2020,
    arXiv:2004.01899.
    """
    better = (targets.unsqueeze(-1) > targets.unsqueeze(-2)).to(outputs.dtype)
    lead = outputs.unsqueeze(-1) - outputs.unsqueeze(-2)
    total = (better * (MARGIN - lead).relu()).sum(dim=(-2, -1))
    return total / better.sum(dim=(-2, -1)).clamp(min=1)


def listmle(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return the negative log-likelihood of the targets' order, best first, over its length.

    The order is drawn one by one, each with odds ``exp(f)`` among those left (Plackett-Luce). Of
    equal targets the earlier row comes first. Xia, Liu, Wang, Zhang and Li, "Listwise approach to
    learning to rank: theory and algorithm", ICML 2008.
    """
    order = targets.argsort(dim=-1, descending=True, stable=True)
    ranked = outputs.gather(-1, order)
    left = ranked.flip(-1).logcumsumexp(dim=-1).flip(-1)
    return (left - ranked).mean(dim=-1)


LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "mae": mae,
    "mse": mse,
    "hinge": hinge,
    "listmle": listmle,
}
RANKING = frozenset({"hinge", "listmle"})


def calibration(outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Return slope and shift that take outputs without a unit to the targets, ``(..., 1)`` each.

    It is the least-squares line, but never one that would reverse an order: its slope is at
    least a thousandth of the ratio of the deviations.
    """
    centred = outputs - outputs.mean(dim=-1, keepdim=True)
    aims = targets - targets.mean(dim=-1, keepdim=True)
    tiny = torch.finfo(outputs.dtype).tiny
    power = (centred**2).mean(dim=-1, keepdim=True).clamp(min=tiny)
    slope = (centred * aims).mean(dim=-1, keepdim=True) / power
    least = 1e-3 * ((aims**2).mean(dim=-1, keepdim=True) / power).sqrt()
    slope = torch.maximum(slope, least)
    middle = outputs.mean(dim=-1, keepdim=True)
    return slope, targets.mean(dim=-1, keepdim=True) - slope * middle


def check_training(owner: Any) -> None:
    """Raise ParameterError where loss, learning rate or weight decay of a predictor are none."""
    check_numbers(owner, 0, float("inf"), "learning_rate")
    check_numbers(owner, 0, float("inf"), "weight_decay", open_low=False)
    check_choices(owner, LOSSES, "loss")
