"""Stochastic gradient Hamiltonian Monte Carlo that finds its own step sizes; chains in a batch.

Chen, Fox and Guestrin, "Stochastic Gradient Hamiltonian Monte Carlo", 2014, arXiv:1402.4102; step
sizes by Springenberg, Klein, Falkner and Hutter, "Bayesian Optimization with Robust Bayesian
Neural Networks", NeurIPS 2016.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor


class Plan(NamedTuple):
    """How long to sample and how far to step.

    ``burn_in`` steps are thrown away, and the scales of the parameters found in them; then each
    chain goes on for ``samples`` times ``thinning`` steps and keeps the last of every
    ``thinning``. ``step`` is epsilon of the paper, ``friction`` its ``epsilon V**-.5 C``. ``noisy``
    says that gradients are of a part of the rows.
    """

    burn_in: int = 500
    samples: int = 5
    thinning: int = 40
    step: float = 0.02
    friction: float = 0.05
    noisy: bool = False


def sample(
    energy: Callable[[Tensor], Tensor], start: Tensor, plan: Plan, random: torch.Generator
) -> Tensor:
    """Return samples of the density ``exp(-energy)``, ``(samples, chains, p)``.

    ``energy`` takes positions ``(chains, p)`` to ``(chains,)``; ``start`` is where chains begin.
    """
    position = start.clone().requires_grad_()
    velocity = torch.zeros_like(start)
    scale = _Scale(start)
    kept = []
    for number in range(plan.burn_in + plan.samples * plan.thinning):
        (gradient,) = torch.autograd.grad(energy(position).sum(), position)
        if number < plan.burn_in:
            scale.update(gradient)
        rate = plan.step**2 * scale.inverse()
        variance = 2 * plan.friction * rate
        if plan.noisy:
            variance = (variance - plan.step**4).clamp(min=0)
        kick = torch.randn(start.shape, generator=random) * variance.sqrt()
        velocity = (1 - plan.friction) * velocity - rate * gradient + kick
        position = (position.detach() + velocity).requires_grad_()
        if number >= plan.burn_in and (number - plan.burn_in + 1) % plan.thinning == 0:
            kept.append(position.detach().clone())
    return torch.stack(kept)


class _Scale:
    """Running means of gradients and their squares, each over a window that finds its length."""

    def __init__(self, like: Tensor) -> None:
        self.window = torch.ones_like(like)
        self.mean = torch.zeros_like(like)
        self.square = torch.ones_like(like)

    def update(self, gradient: Tensor) -> None:
        share = 1 / (self.window + 1)
        self.window += 1 - self.window * self.mean**2 / self.square
        self.mean += share * (gradient - self.mean)
        self.square += share * (gradient**2 - self.square)
        self.square.clamp_(min=1e-12)

    def inverse(self) -> Tensor:
        return self.square.rsqrt()
