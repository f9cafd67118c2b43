"""Tables that the workbench measured itself: shipped ones, and folders of the user's own."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from workbench.data._base import Networks
from workbench.data._packaged import opened
from workbench.data._parts import Rows, parts, percent, read
from workbench.data._plan import TablePlan, load_plan
from workbench.data._scores import ProxyScores, read_scores
from workbench.data._table import Facts, Table, TableBenchmark
from workbench.errors import ArchitectureError, TableError, UnknownName
from workbench.networks import _nb201_counts as counts
from workbench.types import Archs, Floats, Metric

SHIPPED = Path(__file__).resolve().parent / "tables"

METRICS = (
    Metric("val_acc", "%", "max", "validation", "validation accuracy after the epoch"),
    Metric("test_acc", "%", "max", "test", "test accuracy, known after the last epoch"),
    Metric("train_loss", "", "min", "train", "mean loss of the epoch's batches"),
    Metric("seconds", "s", "min", "none", "process CPU time of training and validation so far"),
)
SIZES = (
    Metric("params", "", "min", "none", "trained weights"),
    Metric("flops", "", "min", "none", "multiply-adds of one image"),
)


class Measured(TableBenchmark):
    """A table of ``workbench measure``: every epoch of several seeds, each verifiable here.

    One architecture of each isomorphism class is trained, and stands for all of its class; while a
    table is incomplete its space is that of the classes measured. A training that diverged counts
    as 0 % from that epoch on. ``workbench verify`` trains some of it again and compares.

    Parameters
    ----------
    dataset : str
        Name of a shipped table, or the path of a folder.
    score : str, optional
        ``val_acc`` if not given.

    Raises
    ------
    UnknownName
        There is no such table, or no such metric.
    TableError
        The files are damaged.
    """

    DATASETS: ClassVar[tuple[str, ...]] = tuple(
        sorted(p.name for p in SHIPPED.iterdir() if p.is_dir() and parts(p))
    )

    def __init__(self, dataset: str, score: str | None = None) -> None:
        self.folder = folder_of(dataset)
        self.plan = load_plan(self.folder)
        self.rows = read(self.folder)
        whole = self.plan.whole
        table = _table(self.plan, self.rows)
        sizes = SIZES if self.plan.space == "nb201" else ()
        facts = Facts(
            f"measured/{self.folder.name}",
            (*METRICS, *sizes),
            tuple(range(1, self.rows.seconds.shape[1] + 1)),
            "val_acc",
            {"val_acc": "test_acc"},
            "seconds",
            self.rows.sha256,
        )
        held = table.rows >= 0
        complete = held.sum() == len(whole.all())
        super().__init__(whole if complete else whole.restrict(held), table, facts, score)
        self._asked = (dataset, score)

    def __reduce__(self) -> tuple[Any, ...]:
        return opened, (type(self), *self._asked)

    @property
    def networks(self) -> Networks:
        """On what its networks were trained, and how they are built."""
        return Networks({"name": self.plan.data, **self.plan.options}, dict(self.plan.network))

    @cached_property
    def proxies(self) -> ProxyScores:
        """Zero-cost scores of the rows of the table, as `workbench measure` stored them."""
        return read_scores(self.folder, self.rows.archs)

    def proxy_scores(self, archs: Archs, names: Sequence[str] | None = None) -> Floats:
        """Return stored zero-cost scores of architectures, ``(n, p)``; NaN where not known.

        Of aggregates such as ``az_nas``, which rank a population, the parts are stored.

        Raises
        ------
        UnknownName
            No score of this name is stored.
        TableError
            None is stored at all, or what is stored does not belong to the table.
        """
        stored = self.proxies
        if not stored.names:
            raise TableError(
                f"{self.folder} has no zero-cost scores yet: `workbench measure {self.folder}`"
            )
        return stored.scores[self.entries(archs)][:, self._columns(names or stored.names)]

    def stored_proxies(self, archs: Archs, names: Sequence[str]) -> tuple[Floats, Floats] | None:
        """Return stored zero-cost scores and the CPU seconds of each; None where none are."""
        if not self.proxies.names:
            return None
        rows, columns = self.entries(archs), self._columns(names)
        return self.proxies.scores[rows][:, columns], self.proxies.seconds[rows][:, columns]

    def _columns(self, names: Sequence[str]) -> list[int]:
        known = self.proxies.names
        for name in names:
            if name not in known:
                raise UnknownName("stored zero-cost score", name, known)
        return [known.index(name) for name in names]

    @property
    def card(self) -> str:
        """How the table was measured and what is known to be wrong with it, Markdown."""
        path = self.folder / "README.md"
        return path.read_text(encoding="utf-8") if path.exists() else self.plan.summary


def folder_of(table: str) -> Path:
    """Return the folder of a shipped table, or of a path.

    Raises
    ------
    UnknownName
        It is neither.
    """
    for folder in (SHIPPED / table, Path(table)):
        if (folder / "table.toml").is_file():
            return folder
    hint = "; a table of your own is named by its folder, which holds table.toml"
    raise UnknownName("measured table", table, Measured.DATASETS, hint)


def _table(plan: TablePlan, rows: Rows) -> Table:
    whole, every = plan.whole, plan.whole.all()
    try:
        whole.check(rows.archs)
    except ArchitectureError as error:
        raise TableError(
            f"a part holds what is no architecture of {plan.space}: {error}"
        ) from error
    place = np.full(whole.cardinality, -1, dtype=np.int32)
    place[whole.index(rows.archs)] = np.arange(len(rows.archs))
    of_class = np.full(whole.cardinality, -1, dtype=np.int32)
    of_class[whole.index(every)] = place[whole.index(whole.canonical(every))]
    values = _values(plan, rows)
    seeds = np.full(len(values), values.shape[1], dtype=np.int64)
    return Table(values, seeds, of_class)


def _values(plan: TablePlan, rows: Rows) -> Floats:
    """Return the metrics, ``(n, seeds, epochs, metrics)``."""
    n, seeds, epochs = rows.valid_right.shape
    test = np.full((n, seeds, epochs), np.nan)
    test[:, :, -1] = percent(rows.test_right, rows.data["test"])
    seconds = np.cumsum(rows.seconds, axis=1, dtype=np.float64)[:, None]
    found = [percent(rows.valid_right, rows.data["valid"]), test, rows.train_loss, seconds]
    if plan.space == "nb201":
        shape, classes, settings = rows.data["shape"], rows.data["classes"], dict(plan.network)
        flops = counts.flops(rows.archs, shape, classes, **settings)
        settings.pop("stem_stride", None)
        found += [counts.params(rows.archs, shape, classes, **settings)[:, None, None]]
        found += [flops[:, None, None]]
    values = np.empty((n, seeds, epochs, len(found)))
    for metric, numbers in enumerate(found):
        values[..., metric] = numbers
    return values
