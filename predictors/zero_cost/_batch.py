"""One batch of a data set, or of noise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from workbench.errors import ParameterError
from workbench.seeds import generator
from workbench.types import Ints


@dataclass(frozen=True)
class Noise:
    """A data set of standard normal numbers, and classes of equal numbers of examples.

    Parameters
    ----------
    shape : tuple of int
        Of one example.
    classes : int
    """

    shape: tuple[int, ...]
    classes: int


Data: TypeAlias = Any
"""What a batch is drawn from.

The name of a data set; its name with options, ``{"name": "mnist5k", "size": 14}``, or noise,
``{"name": "noise", "shape": [3, 32, 32], "classes": 10}``; a ``Dataset``; ``Noise``; or examples
and their classes, two arrays.
"""


class Batch(NamedTuple):
    """Examples ``(n, ...)``, their classes ``(n,)``, and how many classes there are."""

    x: NDArray[np.float32]
    y: Ints
    classes: int

    def digest(self) -> str:
        """Return the sha256 of all that there is to see."""
        seen = sha256(f"{self.x.shape} {self.classes}".encode())
        seen.update(np.ascontiguousarray(self.x).tobytes())
        seen.update(np.ascontiguousarray(self.y).tobytes())
        return seen.hexdigest()


_SIZE = 64


def batch_of(data: Data, size: int | None, seed: int) -> Batch:
    """Return a batch of the training part, drawn without replacement from a seed.

    Without a size it is of 64 examples, or of all where there are fewer.

    Raises
    ------
    ParameterError
        What is given is no data set, has options that it does not take, or less examples than the
        batch.
    UnknownName, DataMissing
        As ``workbench.training.datasets.load`` does.
    """
    rng = generator("zero_cost", seed, "batch")
    if isinstance(data, Mapping):
        data = _named(dict(data))
    if isinstance(data, Noise):
        size = size or _SIZE
        x = rng.standard_normal((size, *data.shape), dtype=np.float32)
        return Batch(x, rng.permutation(np.arange(size) % data.classes), data.classes)
    x, y, classes = _arrays(data)
    size = size or max(2, min(_SIZE, len(x)))
    if len(x) < size or len(x) != len(y):
        raise ParameterError(
            f"The 'dataset' parameter of ZeroCost must have {size} examples, one batch, or more,"
            f" and as many classes. Got {len(x)} and {len(y)} instead."
        )
    rows = rng.permutation(len(x))[:size]
    return Batch(x[rows].astype(np.float32), y[rows].astype(np.int64), classes)


def _named(given: dict[str, Any]) -> Data:
    name = given.pop("name", None)
    if name != "noise":
        if not isinstance(name, str):
            raise _wrong(f"a mapping without a name ({', '.join(given) or 'an empty one'})")
        from workbench.training.datasets import load

        return load(name, **given)
    if {*given} != {"shape", "classes"}:
        raise _wrong(f"noise with {', '.join(given) or 'nothing'}: it takes shape and classes")
    shape, classes = given["shape"], given["classes"]
    counts = [*shape, classes] if isinstance(shape, list | tuple) else [0]
    if not all(type(n) is int and n > 0 for n in counts):
        raise _wrong(f"noise of shape {shape!r} and {classes!r} classes")
    return Noise(tuple(shape), classes)


def _arrays(data: Data) -> tuple[NDArray[Any], NDArray[Any], int]:
    if isinstance(data, str):
        from workbench.training.datasets import load

        data = load(data)
    if hasattr(data, "x_train") and hasattr(data, "y_train"):
        return np.asarray(data.x_train), np.asarray(data.y_train), int(data.classes)
    if isinstance(data, tuple | list) and len(data) == 2:
        x, y = np.asarray(data[0]), np.asarray(data[1])
        if y.ndim == 1 and y.dtype.kind in "iu" and len(y):
            return x, y, int(y.max()) + 1
    raise _wrong(type(data).__name__)


def _wrong(got: str) -> ParameterError:
    return ParameterError(
        "The 'dataset' parameter of ZeroCost must be the name of a data set, alone or in a mapping"
        " with its options, a Dataset, Noise, or (X, y) with y of classes from 0."
        f" Got {got} instead."
    )
