"""What the contract suites share: plug-ins by name or class, and spaces that try them."""

from __future__ import annotations

import inspect
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from workbench import registry
from workbench.registry import Family
from workbench.spaces import Space, space
from workbench.types import Archs, Decision, Mask

Plugin = str | type[Any]
"""A plug-in by name, by the path of its file, or as a class."""


class Layered(Space):
    """One to three layers, the others inactive: a variable structure, 14 architectures."""

    def __init__(self) -> None:
        layers = [Decision(f"layer{i}", ("a", "b")) for i in (1, 2, 3)]
        super().__init__("layered", [Decision("depth", (1, 2, 3), "ordered"), *layers])

    def active(self, archs: Archs) -> Mask:
        """Return the depth, and as many layers as it says."""
        layers = np.arange(3) <= archs[:, :1]
        return np.concatenate([np.ones((len(archs), 1), dtype=np.bool_), layers], axis=1)


def trial_spaces() -> list[Space]:
    """Return a space with graphs, one of numbers, a variable one, and one beyond 2**63 members."""
    endless = Space("endless", [Decision(f"d{i}", tuple("abcd")) for i in range(70)])
    return [space("nb201"), space("fcnet"), Layered(), endless]


def plugin_class(family: Family, plugin: Plugin) -> type[Any]:
    """Return the class of a plug-in."""
    if not isinstance(plugin, str):
        return plugin
    path, several, name = plugin.partition("::")
    return registry.load_class(path, name) if several else registry.load(family, plugin)


def plugin_name(plugin: Plugin) -> str:
    """Return what another process loads the plug-in by: its name, or ``path.py::Class``."""
    if isinstance(plugin, str):
        return plugin
    return f"{inspect.getfile(plugin)}::{plugin.__name__}"


@contextmanager
def untouched_random_state() -> Iterator[None]:
    """Assert that the body leaves the global random state as it was."""
    before = random.getstate(), np.random.get_state()[1].tolist()  # type: ignore[index] # noqa: NPY002
    yield
    after = random.getstate(), np.random.get_state()[1].tolist()  # type: ignore[index] # noqa: NPY002
    assert before == after, "draws from the global random state; draw from what is handed in"
