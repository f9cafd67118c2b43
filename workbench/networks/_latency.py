"""How long a network takes for one input, on this machine."""

from __future__ import annotations

from statistics import median
from time import perf_counter

import torch
from torch import nn

from workbench.optimise import one_thread

_WARM = 5
_TIMES = 40


def latency(network: nn.Module, shape: tuple[int, ...], device: str = "cpu") -> float:
    """Return milliseconds of one forward pass of one example, the median of 40 after a warm-up.

    On a CPU with one thread. What else the machine does at the time makes it longer.

    Parameters
    ----------
    network : Module
        It is moved to the device, and left in evaluation mode.
    shape : tuple of int
        Of one example.
    device : {"cpu", "cuda"}
    """
    network = network.to(device).eval()
    x = torch.zeros((1, *shape), device=device)
    with one_thread(), torch.inference_mode():
        for _ in range(_WARM):
            network(x)
        return 1000 * median(_once(network, x) for _ in range(_TIMES))


def _once(network: nn.Module, x: torch.Tensor) -> float:
    start = perf_counter()
    network(x)
    if x.is_cuda:
        torch.cuda.synchronize(x.device)
    return perf_counter() - start
