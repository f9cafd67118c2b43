"""Passes through one network with one batch, each made when a proxy first reads it.

Everything runs on copies, so that the network is left exactly as found, on the CPU, with one
thread, and draws from generators of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from workbench.predictors.zero_cost._checks import check_batch, check_classes
from workbench.predictors.zero_cost._gradients import gradient_of, saliency_of
from workbench.predictors.zero_cost._hooks import watched
from workbench.predictors.zero_cost._layers import (
    RELUS,
    WEIGHTED,
    precision_of,
    twin_of,
    weights_of,
)
from workbench.predictors.zero_cost._shared import Ledger, shared
from workbench.seeds import entropy

Loss = Callable[[Tensor, Tensor], Tensor]


class Forward(NamedTuple):
    """What a pass in training mode leaves: all of it still hangs in the graph."""

    x: Tensor
    logits: Tensor
    loss: Tensor
    outputs: list[Tensor]
    """Of convolutions and linear layers, in the order in which they ran."""
    relus: list[Tensor]


class Gradients(NamedTuple):
    """Of the loss, by the weights of ``Passes.weights``; ``saliency`` a tensor of channels each."""

    weights: list[Tensor]
    saliency: list[Tensor]


class Passes:
    """What a network, a batch and a loss give, computed once for all proxies that read it.

    Parameters
    ----------
    network : Module
        Any that holds convolutions, linear layers, batch norm and ReLU as modules. It is copied.
    x : Tensor of shape (n, ...)
        At least two examples.
    y : Tensor of shape (n,)
        Classes, or what ``loss`` takes.
    loss : callable, default cross-entropy
        ``loss(logits, y)`` is a mean over the batch.
    seed : int
        Of all that proxies draw: noise in place of examples, weights in place of the network's.

    Raises
    ------
    ParameterError
        The batch is too small, or its labels do not belong to it.
    """

    def __init__(
        self, network: nn.Module, x: Tensor, y: Tensor, loss: Loss | None = None, seed: int = 0
    ) -> None:
        check_batch(x, y)
        self.network = network
        self.x = _by_channel(x.detach().to("cpu", precision_of(network)))
        self.y = y.detach().cpu()
        self.loss = cross_entropy if loss is None else loss
        self.seed = seed
        self.ledger = Ledger()

    @shared
    def twin(self) -> nn.Module:
        """A copy that trains; it is passed through, and its weights stay as they are."""
        return twin_of(self.network)

    def copy(self) -> nn.Module:
        """Return another such copy, whose weights may be changed."""
        return twin_of(self.network)

    def generator(self, purpose: str) -> torch.Generator:
        """Return a generator of this seed and purpose."""
        return torch.Generator().manual_seed(entropy("zero_cost", self.seed, purpose) >> 65)

    def noise(self, count: int, random: torch.Generator) -> Tensor:
        """Return so many inputs of standard normal numbers."""
        return _by_channel(torch.randn((count, *self.x.shape[1:]), generator=random).to(self.x))

    @shared
    def weights(self) -> list[Tensor]:
        """The weights of all convolutions and linear layers of the twin."""
        return weights_of(self.twin, "a proxy of weights")

    @shared
    def forward(self) -> Forward:
        """One pass forward in training mode."""
        outputs: list[Tensor] = []
        relus: list[Tensor] = []

        def watch(module: nn.Module, _: Tensor, output: Tensor) -> None:
            (relus if isinstance(module, RELUS) else outputs).append(output)

        x = self.x.clone().requires_grad_()
        with watched(self.twin, lambda m: isinstance(m, (*WEIGHTED, *RELUS)), watch):
            logits = self.twin(x)
        return Forward(x, logits, self._loss(logits, self.y), outputs, relus)

    @shared
    def gradients(self) -> Gradients:
        """One pass backward, of the loss to the weights.

        On the way, per channel of each convolution or linear layer: the mean over the batch of the
        squared sum over positions of activation times gradient.
        """
        forward, saliency = self.forward, []

        def watch(output: Tensor) -> Callable[[Tensor], None]:
            def hook(gradient: Tensor) -> None:
                saliency.append(saliency_of(output.detach(), gradient))

            return hook

        reached = [output for output in forward.outputs if output.requires_grad]
        handles = [output.register_hook(watch(output)) for output in reached]  # type: ignore[no-untyped-call]
        try:
            found = gradient_of(forward.loss, self.weights)
        finally:
            for handle in handles:
                handle.remove()
        return Gradients(found, saliency)

    @shared
    def jacobian(self) -> Tensor:
        """The gradient of the sum of all outputs by the inputs, double, ``(n, numbers)``.

        Where batch norm takes the statistics of the batch, examples see each other; published so.
        """
        forward = self.forward
        (found,) = gradient_of(forward.logits.sum(), [forward.x])
        return found.flatten(1).double()

    def _loss(self, logits: Tensor, y: Tensor) -> Tensor:
        if self.loss is cross_entropy:
            check_classes(logits, y)
        return self.loss(logits, y)

    def loss_of(self, network: nn.Module, part: slice) -> Tensor:
        """Return the loss of a part of the batch."""
        return self._loss(network(self.x[part]), self.y[part])


def _by_channel(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last) if x.dim() == 4 else x
