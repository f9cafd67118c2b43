"""What an architecture is: one file a space.

``space("nb201")`` returns a space by name; ``Space`` is the general product space that all others
are made from, and what a user's own space is an instance or a subclass of.
"""

from __future__ import annotations

from functools import cache

from workbench import registry
from workbench.spaces._product import Space

__all__ = ["Space", "space"]


@cache
def space(name: str) -> Space:
    """Return the space of a name, or of the path of a file that defines one; one object each."""
    made: Space = registry.load("spaces", name)()
    return made
