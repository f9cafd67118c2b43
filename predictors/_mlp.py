"""Perceptrons trained side by side as one batched network, and what their predictors share."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from workbench.encodings._parameters import check_integers
from workbench.optimise import minibatches, minimise, steps_of
from workbench.predictors._base import Predictor
from workbench.predictors._losses import LOSSES, RANKING, Loss, calibration, check_training
from workbench.types import Floats

Activation = Callable[[Tensor], Tensor]
Layers = list[tuple[Tensor, Tensor]]
_AT_ONCE = 512


class Sizes(tuple[int, ...]):
    """Inputs, hidden units and outputs; all parameters of a network are one row of numbers."""

    __slots__ = ()

    def layers(self, flat: Tensor) -> Layers:
        """Return weights ``(m, before, after)`` and biases ``(m, 1, after)`` of rows ``(m, p)``."""
        lengths = [n for before, after in pairwise(self) for n in (before * after, after)]
        parts = iter(torch.split(flat, lengths, dim=1))
        return [
            (next(parts).view(-1, before, after), next(parts).view(-1, 1, after))
            for before, after in pairwise(self)
        ]

    def initial(self, members: int, random: torch.Generator, gain: float = 2.0) -> Tensor:
        """Return rows by He et al. 2015, arXiv:1502.01852: variance ``gain / before``, bias 0."""
        parts = []
        for before, after in pairwise(self):
            weight = torch.randn(members, before * after, generator=random)
            parts += [weight * (gain / before) ** 0.5, torch.zeros(members, after)]
        return torch.cat(parts, dim=1)


def hidden(layers: Layers, rows: Tensor, activation: Activation = torch.relu) -> Tensor:
    """Return each member's last hidden layer: ``(m, n, k)`` to ``(m, n, width)``."""
    for weight, bias in layers[:-1]:
        rows = activation(torch.baddbmm(bias, rows, weight))
    return rows


def forward(layers: Layers, rows: Tensor, activation: Activation = torch.relu) -> Tensor:
    """Return each member's answer to its own rows: ``(m, n, k)`` to ``(m, n)``."""
    weight, bias = layers[-1]
    return torch.baddbmm(bias, hidden(layers, rows, activation), weight)[..., 0]


def answers(layers: Layers, rows: Tensor, activation: Activation = torch.relu) -> Floats:
    """Return each member's answer to the same rows, ``(n, k)`` to ``(m, n)``."""
    members = len(layers[0][0])
    with torch.no_grad():
        # Parts that stay in the processor's cache take a third of the time.
        parts = [
            forward(layers, part.expand(members, *part.shape), activation)
            for part in torch.split(rows, _AT_ONCE)
        ]
        found: Floats = torch.cat(parts, dim=1).numpy()
        return found


class Perceptrons(Predictor):
    """What predictors that train perceptrons by gradient descent share."""

    depth: int
    width: int
    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    loss: Loss

    def _check_parameters(self, *counts: str) -> None:
        check_integers(self, 1, "depth", "width", "epochs", "batch_size", *counts)
        check_training(self)

    def _scale(self, X: Floats) -> None:
        self.center_ = X.mean(axis=0)
        self.spread_ = np.where(X.std(axis=0) > 0, X.std(axis=0), 1.0)

    def _rows(self, X: Floats) -> Tensor:
        return torch.from_numpy((X.astype(np.float64) - self.center_) / self.spread_)

    def _sizes(self, inputs: int) -> Sizes:
        return Sizes((inputs, *[self.width] * self.depth, 1))

    def _trained(
        self,
        rows: Tensor,
        targets: Tensor,
        held_out: Tensor,
        random: torch.Generator,
        activation: Activation = torch.relu,
    ) -> Layers:
        """Return one trained network for each row of the mask ``held_out``, ``(m, n)``.

        Outputs are in the unit of the targets, whatever the loss.
        """
        sizes = self._sizes(rows.shape[1])
        flat = sizes.initial(len(held_out), random).requires_grad_()
        batches = minibatches(len(rows), self.batch_size, random, held_out)
        loss_of = LOSSES[self.loss]

        def loss() -> Tensor:
            chosen = next(batches)
            outputs = forward(sizes.layers(flat), rows[chosen], activation)
            return loss_of(outputs, targets[chosen]).sum()

        steps = steps_of(self.epochs, len(rows), self.batch_size)
        minimise(loss, [flat], steps, self.learning_rate, self.weight_decay)
        layers = sizes.layers(flat.detach())
        if self.loss in RANKING:
            outputs = forward(layers, rows.expand(len(held_out), *rows.shape), activation)
            slope, shift = calibration(outputs, targets.expand_as(outputs))
            weight, bias = layers[-1]
            layers[-1] = (weight * slope[..., None], bias * slope[..., None] + shift[..., None])
        return layers


def folds(rows: int, count: int, random: torch.Generator) -> Tensor:
    """Return a mask ``(count, rows)``: each row is in one fold, of about equal size."""
    fold = torch.randperm(rows, generator=random) % count
    return fold == torch.arange(count)[:, None]


def stored(layers: Layers) -> list[tuple[Floats, Floats]]:
    """Return layers as arrays of their own memory, to be kept."""
    return [(weight.numpy().copy(), bias.numpy().copy()) for weight, bias in layers]


def loaded(layers: list[tuple[Floats, Floats]]) -> Layers:
    """Return kept layers as tensors in double precision.

    In single precision a row's prediction would depend on the rows beside it in the sixth digit.
    """
    return [
        (torch.from_numpy(weight).double(), torch.from_numpy(bias).double())
        for weight, bias in layers
    ]
