"""What a data set is, before and after it is split."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from workbench.types import Floats, Ints, Mask

Singles = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Dataset:
    """A classification data set in three parts, ready to be trained on.

    Attributes
    ----------
    name : str
    x_train, x_valid, x_test : ndarray of float32
        Images ``(n, channels, height, width)`` or rows ``(n, features)``; each channel or feature
        has mean 0 and deviation 1 over the training part, and is 0 where it is constant there.
    y_train, y_valid, y_test : ndarray of int64, (n,)
        Classes from 0. A search never sees the test part.
    class_names : tuple of str
    sha256 : str
        Hash of the examples before they were standardised, of their classes, of which part each is
        in, and of their order: of all that an option can change. It is the same on any machine.
    mean, deviation : ndarray of float64
        What examples were standardised by, ``(channels, 1, 1)`` or ``(features,)``; an infinite
        deviation makes a constant 0.
    usage : str
        See ``Source.usage``.
    """

    name: str
    x_train: Singles = field(repr=False)
    y_train: Ints = field(repr=False)
    x_valid: Singles = field(repr=False)
    y_valid: Ints = field(repr=False)
    x_test: Singles = field(repr=False)
    y_test: Ints = field(repr=False)
    class_names: tuple[str, ...]
    sha256: str
    mean: Floats = field(repr=False)
    deviation: Floats = field(repr=False)
    usage: str = field(default="", repr=False)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one example."""
        return self.x_train.shape[1:]

    @property
    def classes(self) -> int:
        """Number of classes."""
        return len(self.class_names)


class Examples(NamedTuple):
    """A data set as it was read, in any order.

    ``x`` is ``(n, channels, height, width)`` or ``(n, features)``, ``y`` ``(n,)`` classes from 0.
    ``shares`` ``(n,)`` in [0, 1) are hashes of the examples as their file holds them, see
    ``hash_shares``. ``tested`` ``(n,)`` marks a test set that the authors made; None: they made
    none.
    """

    x: NDArray[Any]
    y: Ints
    shares: NDArray[np.float64]
    class_names: tuple[str, ...]
    tested: Mask | None = None


class Source(ABC):
    """Where a data set comes from; its options are parameters of ``__init__``.

    Attributes
    ----------
    SHARES : (float, float)
        Of training and of validation; the rest is for the test.
    """

    SHARES: ClassVar[tuple[float, float]] = (0.6, 0.2)

    @abstractmethod
    def read(self) -> Examples:
        """Return all examples.

        Raises
        ------
        DataMissing, MissingExtra
            They are not there.
        TableError
            What is there cannot be used.
        """

    @property
    def usage(self) -> str:
        """How another example, as files hold it, becomes an input ``x`` before it is standardised.

        In words, and in lines of Python that can be pasted; empty where examples are arrays.
        """
        return ""
