"""How networks are trained here: one thread, random numbers of their own, bounded steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from math import ceil, cos, pi
from typing import TypeVar

import torch
from torch import Tensor, nn

Network = TypeVar("Network", bound=nn.Module)

LEAST_STEPS = 200
MOST_STEPS = 10_000


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep torch to one thread, so that sums come in one order."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def steps_of(epochs: int, rows: int, batch_size: int) -> int:
    """Return the number of steps of some epochs, no less than 200 and no more than 10,000."""
    return min(max(epochs * ceil(rows / batch_size), LEAST_STEPS), MOST_STEPS)


def minibatches(
    rows: int, batch_size: int, random: torch.Generator, held_out: Tensor | None = None
) -> Iterator[Tensor]:
    """Yield row numbers for ever, ``(b,)``: each epoch in another order.

    The batches of an epoch are as equal in size as can be: one of a single row would be useless
    to a loss of pairs. With ``held_out``, a mask ``(members, rows)``, they are ``(members, b)``
    and each member's own: it never sees its rows of the mask, and some of the others twice.
    """
    shape = (rows,) if held_out is None else tuple(held_out.shape)
    count = ceil(rows / batch_size)
    while True:
        keys = torch.rand(shape, generator=random)
        if held_out is None:
            order = keys.argsort()
        else:
            order = (keys + held_out).argsort(dim=1)
            most = int(held_out.sum(dim=1).max())
            last = order[:, rows - most :]
            last.copy_(torch.where(held_out.any(dim=1, keepdim=True), order[:, :most], last))
        yield from order.tensor_split(count, dim=-1)


def minimise(
    loss: Callable[[], Tensor],
    parameters: Sequence[Tensor],
    steps: int,
    learning_rate: float,
    weight_decay: float = 0.0,
) -> None:
    """Take steps of Adam with decoupled weight decay; the rate falls to 0 along a cosine.

    ``loss`` is called once a step and draws its own rows. Loshchilov and Hutter, "Decoupled Weight
    Decay Regularization", 2017, arXiv:1711.05101.
    """
    flat = side_by_side(parameters)
    optimiser = torch.optim.AdamW([flat], lr=learning_rate, weight_decay=weight_decay)
    for step in range(steps):
        optimiser.param_groups[0]["lr"] = learning_rate * (1 + cos(pi * step / steps)) / 2
        optimiser.zero_grad(set_to_none=False)
        loss().backward()  # type: ignore[no-untyped-call]
        optimiser.step()


def side_by_side(parameters: Sequence[Tensor]) -> Tensor:
    """Return one tensor that parameters and gradients become views of.

    A step of many small tensors takes longer than their gradients do.
    """
    flat = torch.cat([parameter.detach().reshape(-1) for parameter in parameters])
    flat.grad = torch.zeros_like(flat)
    start = 0
    for parameter in parameters:
        part = slice(start, start + parameter.numel())
        parameter.data = flat[part].view(parameter.shape)
        parameter.grad = flat.grad[part].view(parameter.shape)
        start = part.stop
    return flat


def initialised(make: Callable[[], Network], random: torch.Generator) -> Network:
    """Return a network whose weights come from ``random`` and not from the state of torch.

    Matrices are normal with variance 2 over the sum of their sizes (Glorot and Bengio 2010),
    gains of normalisations 1, other vectors 0.
    """
    with torch.device("meta"):
        network = make()
    network = network.to_empty(device="cpu")
    with torch.no_grad():
        for name, weight in network.named_parameters():
            if weight.dim() > 1:
                spread = (2 / (weight.shape[-1] + weight.shape[-2])) ** 0.5
                weight.copy_(spread * torch.randn(weight.shape, generator=random))
            else:
                weight.fill_(1.0 if name.endswith("weight") else 0.0)
    return network
