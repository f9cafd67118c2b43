"""Arrays of bytes in a pickle, as inert things: numpy itself is out of the file's reach."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.data._unpickle import Admitted


class ByteType:
    """Stand-in for ``numpy.dtype``: bytes and nothing else."""

    __slots__ = ()

    def __init__(self, code: Any, *_flags: Any) -> None:
        if code not in (b"u1", "u1"):
            raise ValueError(f"numpy type {code!r}, where only 'u1' is read")

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        """Bytes have no order and no fields: there is nothing to keep."""


class ArrayType:
    """Stand-in for ``numpy.ndarray``, which is named and never filled."""

    __slots__ = ()

    def __setstate__(self, state: object) -> None:
        raise TypeError(f"an array type has no state, got {state!r}")


class ByteArray:
    """Stand-in for an array of bytes, made empty and then given its content."""

    __slots__ = ("content", "shape")

    shape: tuple[int, ...]
    content: bytes

    def __init__(self, *_: Any) -> None:
        self.shape, self.content = (0,), b""

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, kind, by_columns, content = state
        if not isinstance(kind, ByteType) or by_columns or type(content) is not bytes:
            raise TypeError(f"an array of shape {shape!r} that is not bytes, row after row")
        self.shape, self.content = shape, content

    def array(self) -> NDArray[np.uint8]:
        """Return the array."""
        return np.frombuffer(self.content, dtype=np.uint8).reshape(self.shape)


BYTE_ARRAYS: Admitted = {
    "numpy.dtype": ByteType,
    "numpy.ndarray": ArrayType,
    "numpy.core.multiarray._reconstruct": ByteArray,
    # The same in files that numpy 2 has written anew.
    "numpy._core.multiarray._reconstruct": ByteArray,
}
