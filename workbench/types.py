"""The values that travel between a strategy, a benchmark and the harness: frozen, without logic."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from enum import StrEnum
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Arch: TypeAlias = tuple[int, ...]
"""One architecture: the index of the chosen value for every decision of its space."""

Archs: TypeAlias = NDArray[np.int16]
"""A population, shape ``(n, d)``: one architecture a row."""

Ints: TypeAlias = NDArray[np.int64]
Floats: TypeAlias = NDArray[np.float64]
Mask: TypeAlias = NDArray[np.bool_]

Progress: TypeAlias = Callable[[int, int, int], None]
"""Called with how many are finished, are there in all, and failed."""

Shows: TypeAlias = Callable[[str, str], AbstractContextManager[Progress]]
"""From a title and what is counted to a context in which progress can be told."""

Split: TypeAlias = Literal["train", "validation", "test", "none"]
Direction: TypeAlias = Literal["max", "min"]


class Decision(NamedTuple):
    """One choice that a space leaves open.

    ``categorical`` values have no order, ``ordered`` ones have, and ``log`` ones are numbers whose
    order is best seen on a logarithmic axis.
    """

    name: str
    values: tuple[str | int | float, ...]
    kind: Literal["categorical", "ordered", "log"] = "categorical"


class Graphs(NamedTuple):
    """A population as directed graphs with one operation a node.

    ``adjacency`` is ``(n, v, v)`` with ``adjacency[i, a, b]`` true where an edge leads from node a
    to node b; ``operations`` is ``(n, v)``, indices into ``names``, -1 on padding nodes.
    """

    adjacency: Mask
    operations: NDArray[np.int16]
    names: tuple[str, ...]


class Metric(NamedTuple):
    """What a number of a benchmark means: its unit, which way is better, which data it is of."""

    name: str
    unit: str
    direction: Direction
    split: Split
    summary: str


class Evaluation(NamedTuple):
    """One training of one architecture, up to one epoch, by one replicate (training seed).

    ``metrics`` holds every named metric in its own unit (NaN where this one is not known);
    ``score`` is the metric the benchmark was opened for, negated where lower is better; ``cost`` is
    the seconds of training from scratch up to ``epochs`` (None where the benchmark does not know);
    ``curve`` is the score at each stored epoch so far, the last being ``score``.
    """

    metrics: Mapping[str, float]
    score: float
    cost: float | None
    epochs: int
    curve: tuple[float, ...]


class Evaluations(NamedTuple):
    """Many evaluations as arrays: ``metrics`` of ``(n,)`` each, ``score`` and ``cost`` ``(n,)``.

    ``cost`` is None where the benchmark does not know it.
    """

    metrics: Mapping[str, Floats]
    score: Floats
    cost: Floats | None
    epochs: Ints


class Trial(NamedTuple):
    """What a strategy asks for: train ``arch`` up to ``epochs`` (None: in full).

    ``id`` is unique within a run; ``continues`` names an earlier trial whose training goes on.
    """

    id: int
    arch: Arch
    epochs: int | None = None
    continues: int | None = None


class Task(NamedTuple):
    """Work that is no trial, such as a proxy pass or a supernet epoch; its cost is charged."""

    id: int
    name: str
    payload: Any = None


class Status(StrEnum):
    """How a trial ended."""

    OK = "ok"
    FAILED = "failed"
    STOPPED = "stopped"


class Observation(NamedTuple):
    """What a strategy is told of a trial: ``score`` is to be maximised and None unless it is known.

    ``cost`` is the seconds of the new epochs (None where the benchmark knows no cost), ``metrics``
    what the study exposes. ``result`` is what a task came to. Never anything of the test split.
    """

    status: Status
    score: float | None
    epochs: int | None = None
    cost: float | None = None
    curve: tuple[float, ...] = ()
    metrics: Mapping[str, float] = {}
    result: Any = None
