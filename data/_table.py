"""A benchmark held in arrays: what every family and every table of a user's own is."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property, lru_cache
from struct import Struct
from struct import error as StructError  # noqa: N812
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from workbench.data._base import Benchmark
from workbench.errors import ArchitectureError, BenchmarkError, UnknownName
from workbench.spaces import Space
from workbench.types import Arch, Archs, Evaluation, Evaluations, Floats, Ints, Metric


class Table(NamedTuple):
    """The numbers.

    ``values`` is ``(n, replicates, epochs, metrics)``, NaN where an architecture has fewer
    replicates than another; ``counts`` is ``(n,)``, how many it has; ``rows`` is
    ``(space.cardinality,)``, from the index of an architecture to its place in ``values``, -1 where
    it is invalid or unknown. Several architectures may share a place.
    """

    values: Floats
    counts: Ints
    rows: NDArray[np.int32]


class Facts(NamedTuple):
    """What the numbers are.

    ``score`` is the metric searched on unless another is named, ``tests`` gives the test metric
    that goes with a validation metric, ``cost`` is the metric that holds training seconds.
    """

    name: str
    metrics: tuple[Metric, ...]
    epochs: tuple[int, ...]
    score: str
    tests: Mapping[str, str] = {}
    cost: str | None = None
    sha256: str | None = None


class TableBenchmark(Benchmark):
    """The architectures of ``space`` that ``table`` holds, searched on one metric.

    Parameters
    ----------
    space : Space
        Its valid architectures are exactly those with a place in ``table.rows``.
    table, facts
        Kept, not copied.
    score : str, optional
        Any metric that is not of the test split.

    Raises
    ------
    UnknownName
        No metric has this name.
    BenchmarkError
        The metric is of the test split.
    """

    def __init__(self, space: Space, table: Table, facts: Facts, score: str | None = None) -> None:
        self.space = space
        self.name = facts.name
        self.epochs = facts.epochs
        self.metrics = {metric.name: metric for metric in facts.metrics}
        self.score = self._selectable(score or facts.score)
        self.test = facts.tests.get(self.score)
        self.has_cost = facts.cost is not None
        self.sha256 = facts.sha256
        self._table = table
        self._facts = facts
        self._names = tuple(self.metrics)
        self._column = self._names.index(self.score)
        self._sign = -1.0 if self.metrics[self.score].direction == "min" else 1.0
        self._whole: TableBenchmark | None = None
        self._cost = self._names.index(facts.cost) if facts.cost is not None else -1
        truth = self._sign * self._means[table.rows[table.rows >= 0], self._column]
        self.optimum = float(truth.max())
        self.random_mean = float(truth.mean())

    def __reduce__(self) -> tuple[Any, ...]:
        return TableBenchmark, (self.space, self._table, self._facts, self.score)

    def __reduce_ex__(self, protocol: Any) -> Any:
        if self._whole is not None:
            return TableBenchmark.up_to, (self._whole, self.epochs[-1])
        return super().__reduce_ex__(protocol)

    def __copy__(self) -> TableBenchmark:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> TableBenchmark:
        return self

    def __repr__(self) -> str:
        return f"<benchmark {self.name}: {self.score} of {self.space.name}>"

    def up_to(self, epoch: int) -> TableBenchmark:
        """Return it with trainings up to an epoch only; see ``Benchmark.up_to``."""
        if epoch not in self.epochs:
            raise self._no_epoch(epoch)
        made: TableBenchmark = object.__new__(type(self))
        made.__dict__.update(self.__dict__ | {"_whole": self})
        made.__dict__.pop("_look_up", None)
        made.epochs = self.epochs[: self.epochs.index(epoch) + 1]
        return made

    # -- one at a time ----------------------------------------------------------------------------

    def query(self, arch: Arch, epoch: int, replicate: int) -> Evaluation:
        """Return one evaluation; see ``Benchmark.query``."""
        look = self._look_up
        try:
            row = look.rows[look.pack(*arch)]
        except (KeyError, StructError, TypeError):
            raise self._unknown(arch) from None
        try:
            position = look.positions.get(epoch)
            if position is None:
                raise self._no_epoch(epoch)
            if not 0 <= replicate < look.counts[row]:
                raise self._no_replicate(replicate, look.counts[row], arch)
            place = (row * look.replicates + replicate) * look.epochs + position
            values = look.unpack(look.buffer, place * look.width)
        except TypeError:
            raise self._not_whole(epoch, replicate) from None
        score = values[self._column] * self._sign
        return Evaluation(
            dict(zip(self._names, values)),  # noqa: B905 - a third of the time of a query
            score,
            values[self._cost] if self.has_cost else None,
            self.epochs[position],
            (score,) if position == 0 else self._curve(row, replicate, position),
        )

    def _curve(self, row: int, replicate: int, position: int) -> tuple[float, ...]:
        curve = self._table.values[row, replicate, : position + 1, self._column]
        return tuple((curve * self._sign).tolist())

    @cached_property
    def _look_up(self) -> _LookUp:
        return _LookUp.of(self.space, self._table, self.epochs)

    # -- many at a time ---------------------------------------------------------------------------

    def entries(self, archs: Archs) -> Ints:
        """Return the row of the table that holds each; see ``Benchmark.entries``."""
        return self._rows_of(archs).astype(np.int64)

    def query_many(self, archs: Archs, epochs: Ints | int, replicates: Ints | int) -> Evaluations:
        """Return many evaluations; see ``Benchmark.query_many``.

        The metrics are columns of one array: views, which may be strided.
        """
        rows = self._rows_of(archs)
        epochs = self._broadcast("epochs", epochs, len(rows))
        replicates = self._broadcast("replicates", replicates, len(rows))
        known = np.array(self.epochs)
        positions = np.minimum(np.searchsorted(known, epochs), len(known) - 1)
        if (wrong := known[positions] != epochs).any():
            raise self._no_epoch(int(epochs[wrong][0]))
        counts = self._table.counts[rows]
        if (wrong := (replicates < 0) | (replicates >= counts)).any():
            at = int(np.flatnonzero(wrong)[0])
            raise self._no_replicate(
                int(replicates[at]), int(counts[at]), tuple(np.asarray(archs)[at].tolist())
            )
        _, most, length, width = self._table.values.shape
        places = (rows * np.int64(most) + replicates) * length + positions
        values = self._table.values.reshape(-1, width).take(places, axis=0)
        return Evaluations(
            {name: values[:, i] for i, name in enumerate(self._names)},
            values[:, self._column] * self._sign,
            values[:, self._cost] if self.has_cost else None,
            np.array(epochs, dtype=np.int64),
        )

    def replicates(self, archs: Archs) -> Ints:
        """Return how many training seeds are stored of each, ``(n,)``."""
        return self._table.counts[self._rows_of(archs)].astype(np.int64)

    def stored(self, arch: Arch) -> int:
        """Return how many training seeds are stored of one architecture."""
        look = self._look_up
        try:
            return look.counts[look.rows[look.pack(*arch)]]
        except (KeyError, StructError, TypeError):
            raise self._unknown(arch) from None

    def truth(self, archs: Archs, metric: str | None = None) -> Floats:
        """Return the mean over the stored replicates at the last epoch; see ``Benchmark.truth``.

        Raises
        ------
        ArchitectureError
            Not in the space.
        UnknownName
            No such metric.
        """
        rows = self._rows_of(archs)
        if metric is None:
            return np.asarray(self._means[rows, self._column] * self._sign)
        if metric not in self.metrics:
            raise UnknownName("metric", metric, self._names, f" (of {self.name})")
        return np.asarray(self._means[rows, self._names.index(metric)])

    @cached_property
    def _means(self) -> Floats:
        last = self._table.values[:, :, -1]
        held = np.arange(last.shape[1]) < self._table.counts[:, None]
        if held.all():
            return np.asarray(last.mean(axis=1))
        total = np.where(held[:, :, None], last, 0.0).sum(axis=1)
        return np.asarray(total / self._table.counts[:, None])

    def _rows_of(self, archs: Archs) -> NDArray[np.int32]:
        """Return the places of a population, raising where it is not all of this space."""
        archs = np.asarray(archs)
        if (
            archs.ndim != 2
            or archs.shape[1] != self.space.dimension
            or archs.dtype.kind not in "iu"
        ):
            self.space.check(archs)
        index = np.zeros(len(archs), dtype=np.int64)
        outside = np.zeros(len(archs), dtype=np.bool_)
        # By columns: reductions over an axis of six take ten times as long.
        for column, radix in zip(archs.T, self.space.radices, strict=True):
            outside |= (column < 0) | (column >= radix)
            index *= radix
            index += column
        index[outside] = 0
        rows = self._table.rows[index]
        if (unknown := outside | (rows < 0)).any():
            self.space.check(archs)
            raise self._unknown(tuple(archs[np.flatnonzero(unknown)[0]].tolist()))
        return np.asarray(rows)

    def _broadcast(self, what: str, values: Ints | int, n: int) -> Ints:
        values = np.asarray(values)
        if values.dtype.kind not in "iu" or values.shape not in {(), (1,), (n,)}:
            raise BenchmarkError(
                f"{self.name}: {what} must be one integer or {n}; got {values.dtype} of shape"
                f" {values.shape}"
            )
        return np.broadcast_to(values, (n,))

    # -- errors -----------------------------------------------------------------------------------

    def _selectable(self, score: str) -> str:
        if score not in self.metrics:
            known = [name for name, metric in self.metrics.items() if metric.split != "test"]
            raise UnknownName("metric", score, known, f" (of {self.name})")
        if self.metrics[score].split == "test":
            raise BenchmarkError(
                f"{self.name}: {score!r} is of the test split, which no search may see; the report"
                " shows it. Search on a validation metric"
            )
        return score

    def _unknown(self, arch: object) -> ArchitectureError:
        return ArchitectureError(f"{self.name} holds no architecture {arch!r}")

    def _no_epoch(self, epoch: object) -> BenchmarkError:
        known = ", ".join(map(str, self.epochs))
        return BenchmarkError(f"{self.name} holds no epoch {epoch!r}; it holds {known}")

    def _not_whole(self, epoch: object, replicate: object) -> BenchmarkError:
        return BenchmarkError(
            f"{self.name}: epoch and replicate must be whole numbers; got epoch {epoch!r} and"
            f" replicate {replicate!r}"
        )

    def _no_replicate(self, replicate: object, count: int, arch: object) -> BenchmarkError:
        return BenchmarkError(
            f"{self.name} holds replicates 0 to {count - 1} of {arch!r}; asked for {replicate!r}"
        )


@lru_cache(maxsize=8)
def _places(space: Space, rows: bytes) -> dict[bytes, int]:
    """Return the row of each packed architecture; data sets of one family share the answer."""
    archs = space.all()
    places = np.frombuffer(rows, dtype=np.int32)[space.index(archs)].tolist()
    data, size = archs.tobytes(), 2 * space.dimension
    keys = (data[i : i + size] for i in range(0, len(data), size))
    return dict(zip(keys, places, strict=True))


class _LookUp(NamedTuple):
    """What a single query needs, as plain Python objects: numpy's scalars cost microseconds."""

    rows: dict[bytes, int]
    pack: Any
    positions: dict[int, int]
    counts: list[int]
    replicates: int
    epochs: int
    width: int
    unpack: Any
    buffer: memoryview

    @classmethod
    def of(cls, space: Space, table: Table, epochs: tuple[int, ...]) -> _LookUp:
        _, replicates, length, metrics = table.values.shape
        row = Struct(f"{metrics}d")
        return cls(
            _places(space, table.rows.tobytes()),
            Struct(f"{space.dimension}h").pack,
            {epoch: i for i, epoch in enumerate(epochs)},
            table.counts.tolist(),
            replicates,
            length,
            row.size,
            row.unpack_from,
            np.ascontiguousarray(table.values).data.cast("B"),
        )
