"""Torch modules built from architectures; one file a space, named like it.

The functions named here are loaded when first used: torch is an extra.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workbench.networks._build import build, initialise, network_of
    from workbench.networks._stack import stack

__all__ = ["build", "initialise", "network_of", "stack"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from workbench.networks import _build, _stack
    except ModuleNotFoundError as error:
        from workbench.errors import MissingExtra

        raise MissingExtra("networks", "torch") from error
    return getattr(_stack if name == "stack" else _build, name)
