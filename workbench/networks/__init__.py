"""Torch modules built from architectures; one file a space, named like it.

The functions named here are loaded when first used: torch is an extra.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workbench.networks._build import build, initialise, network_of
    from workbench.networks._export import Standardised
    from workbench.networks._stack import stack

__all__ = ["Standardised", "build", "initialise", "network_of", "stack"]

_OTHERWISE = {"stack": "_stack", "Standardised": "_export"}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        module = import_module(f"workbench.networks.{_OTHERWISE.get(name, '_build')}")
    except ModuleNotFoundError as error:
        from workbench.errors import MissingExtra

        raise MissingExtra("networks", "torch") from error
    return getattr(module, name)
