"""A data set by name: read, split, standardised."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from inspect import Parameter, signature
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench import registry
from workbench.errors import ParameterError, did_you_mean
from workbench.training.datasets._base import Dataset, Singles, Source
from workbench.training.datasets._split import PARTS, first, split
from workbench.types import Floats, Ints


def load(
    name: str,
    *,
    train: int | None = None,
    valid: int | None = None,
    **options: Any,
) -> Dataset:
    """Return a data set in its three parts, which are always the same ones.

    Parameters
    ----------
    name : str
        ``digits``, ``mnist5k``, ``cifar10``, ``cifar100``, ``image_folder``, ``npz``: a file of
        ``workbench/training/datasets``, an entry point in the group ``workbench.datasets``, or
        the path of a plug-in file.
    train, valid : int, optional
        Take only so many examples of a part, always the same uniform sample; all if not given.
    options
        What the data set takes besides, such as ``size`` (of images) or ``path``.

    Raises
    ------
    UnknownName
        No such data set.
    ParameterError
        An option that it does not take, or a wrong value.
    DataMissing, MissingExtra
        Its files are not there.
    TableError
        Its files cannot be used.
    """
    source: type[Source] = registry.load("datasets", name)
    _check(name, source, options)
    made = source(**options)
    examples = made.read()
    rows = split(name, examples, source.SHARES)
    for part, count in (("train", train), ("valid", valid)):
        rows[part] = first(name, part, rows[part], count)
    x = {part: examples.x[which] for part, which in rows.items()}
    y = {part: examples.y[which].astype(np.int64) for part, which in rows.items()}
    mean, deviation = _moments(x["train"])
    seen = {part: _standardised(values, mean, deviation) for part, values in x.items()}
    return Dataset(
        name,
        *(seen["train"], y["train"]),
        *(seen["valid"], y["valid"]),
        *(seen["test"], y["test"]),
        class_names=examples.class_names,
        sha256=_digest(x, y),
        mean=mean,
        deviation=deviation,
        usage=made.usage,
    )


def _check(name: str, source: type[Source], options: Mapping[str, Any]) -> None:
    known = dict(list(signature(source.__init__).parameters.items())[1:])
    if source.__init__ is object.__init__:
        known = {}
    for key in options:
        if key not in known:
            near = did_you_mean(key, [*known, "train", "valid"])
            raise ParameterError(f"the data set {name} has no option {key!r}{near}")
    for key, parameter in known.items():
        if parameter.default is Parameter.empty and key not in options:
            raise ParameterError(f"the data set {name} needs the option {key!r}")


def _moments(train: NDArray[Any]) -> tuple[Floats, Floats]:
    """Return mean and deviation of each channel or feature, infinite where it is constant."""
    seen = train.astype(np.float64)
    axes = (0, *range(2, seen.ndim))
    mean, deviation = seen.mean(axes, keepdims=True)[0], seen.std(axes, keepdims=True)[0]
    # What is constant but for rounding must not be blown up, in no part.
    deviation[deviation <= 1e-7 * np.abs(mean)] = np.inf
    return mean, deviation


def _standardised(values: NDArray[Any], mean: Floats, deviation: Floats) -> Singles:
    return np.ascontiguousarray((values - mean) / deviation, dtype=np.float32)


def _digest(x: Mapping[str, NDArray[Any]], y: Mapping[str, Ints]) -> str:
    seen = sha256()
    for part in PARTS:
        seen.update(f"{part} {x[part].shape}".encode())
        seen.update(x[part].astype("<f4").tobytes())
        seen.update(y[part].astype("<i8").tobytes())
    return seen.hexdigest()
