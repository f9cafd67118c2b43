"""Looking at what modules take in and put out while a network runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

Watcher = Callable[[nn.Module, Tensor, Tensor], None]


@contextmanager
def watched(
    network: nn.Module, wanted: Callable[[nn.Module], bool], watch: Watcher
) -> Iterator[None]:
    """Call ``watch(module, input, output)`` whenever a wanted module has run."""

    def hook(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        if isinstance(output, Tensor) and inputs and isinstance(inputs[0], Tensor):
            watch(module, inputs[0], output)

    handles = [m.register_forward_hook(hook) for m in network.modules() if wanted(m)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
