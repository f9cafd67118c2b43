"""How long zero-cost proxies take on one core, on the largest cell: six 3x3 convolutions."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch.nn.functional import cross_entropy

from speed.measures import Measure
from workbench.networks import build
from workbench.optimise import one_thread
from workbench.proxies import ALL, CLASSICAL, score
from workbench.spaces import space

SMALL: dict[str, Any] = {"channels": 16, "stages": 1, "cells": 1, "stem_stride": 2}
TOGETHER = ("snip", "grad_norm", "plain", "fisher", "l2_norm")
PEERS = {
    "grasp": 9.4,
    "snip": 3.0,
    "epe_nas": 2.4,
    "zen": 2.3,
    "fisher": 2.2,
    "grad_norm": 2.2,
    "jacov": 2.1,
    "plain": 2.1,
    "nwot": 1.6,
    "synflow": 0.6,
}
"""CPU seconds of NASLib on the full network; each is a bar."""


@cache
def _small() -> tuple[Any, Any, Any]:
    return build(space("nb201"), (3,) * 6, (1, 14, 14), 10, **SMALL), *_batch(50, 1, 14)


@cache
def _full() -> tuple[Any, Any, Any]:
    return build(space("nb201"), (3,) * 6, (3, 32, 32), 10), *_batch(64, 3, 32)


def _batch(n: int, channels: int, size: int) -> tuple[Any, Any]:
    random = torch.Generator().manual_seed(0)
    return torch.randn((n, channels, size, size), generator=random), torch.arange(n) % 10


def _cpu(repeats: int, call: Callable[[], object]) -> float:
    times = []
    for _ in range(repeats):
        started = time.process_time()
        call()
        times.append(time.process_time() - started)
    return min(times)


def small() -> float:
    """Return milliseconds of all 17 on a small network."""
    return _cpu(5, lambda: score(*_small(), ALL)) * 1e3


def full(*names: str) -> Callable[[], float]:
    """Return a measure of CPU seconds of some proxies on the published network."""
    return lambda: _cpu(2, lambda: score(*_full(), names))


def together() -> float:
    """Return how many passes forward and backward the five proxies of one pass cost."""
    network, x, y = _full()

    def plain_pass() -> None:
        cross_entropy(network(x), y).backward()  # type: ignore[no-untyped-call]

    with one_thread():
        return _cpu(3, lambda: score(network, x, y, TOGETHER)) / _cpu(3, plain_pass)


MEASURES = [
    Measure("all 17 proxies, small network, batch 50", "ms", 120, small),
    Measure("snip, grad_norm, plain, fisher, l2_norm together", "passes", 1.3, together),
    Measure("13 classical proxies, full network, batch 64", "s", 12, full(*CLASSICAL), "NASLib 28"),
    Measure("all 17 proxies, full network, batch 64", "s", 16, full(*ALL)),
    *(
        Measure(f"{name}, full network, batch 64", "s", bar, full(name), f"NASLib {bar:g}")
        for name, bar in PEERS.items()
    ),
]
