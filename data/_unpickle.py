"""Reading data that comes as a pickle: a short list of names is admitted, all else refused unrun.

A pickle is a program. It can only do harm through what it names (``find_class``), through what it
calls or sets on the objects so obtained, and through persistent ids. Here each admitted name stands
for an inert class of ours, made to hold values: no function and no class of numpy or of a data
package is ever within reach of the file.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path
from struct import unpack
from typing import Any, NoReturn, TypeAlias

from workbench.errors import DataMissing, UnsafePickle

Admitted: TypeAlias = Mapping[str, type]
"""Which ``module.name`` a file may ask for, and the inert class it gets."""


class Record:
    """Stand-in for an object with attributes: keeps the state it was pickled with.

    ``__setstate__`` must exist on every class admitted: where it is missing, a pickle may set any
    attribute, also of the class itself.
    """

    __slots__ = ("state",)

    state: dict[str, Any]

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.state = state


class DoubleType:
    """Stand-in for ``numpy.dtype``: little-endian 64-bit floats and nothing else."""

    __slots__ = ()

    def __init__(self, code: str, *_flags: bool) -> None:
        if code != "f8":
            raise ValueError(f"numpy type {code!r}, where only 'f8' is read")

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        if state[1] != "<":
            raise ValueError(f"byte order {state[1]!r}, where only '<' is read")


class Double(float):
    """Stand-in for ``numpy.core.multiarray.scalar``: eight bytes become a float."""

    __slots__ = ()

    def __new__(cls, kind: DoubleType, data: bytes) -> Double:
        """Return the number of eight bytes; ``kind`` was checked when it was made."""
        if not isinstance(kind, DoubleType):
            raise TypeError(f"a number of type {kind!r}")
        return super().__new__(cls, unpack("<d", data)[0])

    def __setstate__(self, state: object) -> NoReturn:
        raise TypeError(f"a number has no state, got {state!r}")


NUMPY_DOUBLES: Admitted = {"numpy.dtype": DoubleType, "numpy.core.multiarray.scalar": Double}


def unpickle(
    content: bytes,
    path: Path,
    admitted: Admitted,
    encoding: str = "ASCII",
    outside: Callable[[object], Any] | None = None,
) -> Any:
    """Return the object that ``content``, the bytes of the file ``path``, describes.

    ``encoding`` is of strings that Python 2 wrote; "bytes" leaves them as they are. ``outside``
    returns what a persistent id stands for.

    Raises
    ------
    UnsafePickle
        The file names anything but what is admitted, or holds a persistent id and no ``outside``
        is given.
    DataMissing
        The file is damaged.
    """
    try:
        return _Unpickler(content, path, admitted, encoding, outside).load()
    except UnsafePickle:
        raise
    except Exception as error:
        raise DataMissing(
            f"{path} is damaged ({type(error).__name__}: {error}); reinstall its package, or fetch"
            " the file again"
        ) from error


class _Unpickler(pickle.Unpickler):
    def __init__(
        self,
        content: bytes,
        path: Path,
        admitted: Admitted,
        encoding: str,
        outside: Callable[[object], Any] | None,
    ) -> None:
        super().__init__(BytesIO(content), encoding=encoding)
        self._path = path
        self._admitted = admitted
        self._outside = outside

    def find_class(self, module: str, name: str) -> type:
        found = self._admitted.get(f"{module}.{name}")
        if found is None:
            raise UnsafePickle(
                f"{self._path} asks for {module}.{name}, which its data do not need"
                f" (admitted: {', '.join(self._admitted) or 'nothing'}). Nothing of it was run."
                " Do not use this file; reinstall its package, or fetch it again, from a source"
                " you trust"
            )
        return found

    def persistent_load(self, pid: object) -> Any:
        if self._outside is not None:
            return self._outside(pid)
        raise UnsafePickle(f"{self._path} refers to an object outside of it ({pid!r}): not read")
