"""A table of the user's own as a benchmark: CSV, Parquet or a data frame."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from workbench.data._columns import Columns, Grid, grid, present, title
from workbench.data._rows import architectures, decreasing, negative, numbers, read
from workbench.data._table import Facts, Table, TableBenchmark
from workbench.errors import ParameterError, TableError
from workbench.spaces import Space
from workbench.spaces import space as named_space
from workbench.types import Archs, Direction, Floats, Metric

if TYPE_CHECKING:
    import pandas as pd


def from_table(
    frame_or_path: pd.DataFrame | str | Path,
    space: Space | str,
    score: Columns,
    *,
    direction: Direction = "max",
    test: Columns | None = None,
    cost: Columns | None = None,
    metrics: Sequence[str | Metric] = (),
    architecture: str | None = None,
    allow_missing: bool = False,
    name: str | None = None,
) -> TableBenchmark:
    """Return a benchmark that holds a table of the user's own, one architecture a row.

    Parameters
    ----------
    frame_or_path : DataFrame, or path of a ``.csv`` or ``.parquet`` file
    space : Space or str
        What the architectures belong to.
    score : str or list of str
        Validation columns: a name, a template with ``{seed}`` and ``{epoch}`` for the part that
        differs (``val_{seed}@{epoch}``, epochs as whole numbers), or a list, one entry a seed.
        Without ``{epoch}`` the one epoch is 1: one complete training.
    direction : {"max", "min"}
        Which way the score and the test column are better.
    test : str or list of str, optional
        Test columns that go with the score. Without ``{epoch}`` they are known at the last epoch
        only, and NaN before.
    cost : str or list of str, optional
        Seconds of training. Without ``{epoch}``: of the whole training, of which epoch ``e`` of
        ``E`` is taken to have cost the part ``e / E``; with it: of the training up to the epoch.
        Neither may be negative, nor decrease from an epoch to a later one.
    metrics : list of str or Metric
        Further columns (a Metric's name is the column). Without ``{epoch}`` they are properties of
        the architecture, the same at every epoch; without ``{seed}``, of every seed.
    architecture : str, optional
        Column of the space's official strings. Without it, the column ``architecture`` if there is
        one; else one column a decision, under the decisions' names, holding values.
    allow_missing : bool
        Restrict the space to the architectures in the table, instead of asking for all.
    name : str, optional
        Of the benchmark; the file's name without its ending if not given.

    Raises
    ------
    TableError
        Everything that is wrong, with row numbers: rows count from 1, the header not counted.
    """
    frame, digest, stem = read(frame_or_path)
    whole = named_space(space) if isinstance(space, str) else space
    faults: list[str] = []
    quantities = _quantities(score, direction, test, cost, metrics)
    header = list(frame.columns)
    grids = [grid(q.columns, header, faults) for q in quantities]
    known = [found for found in grids if found is not None]
    archs, good = architectures(frame, whole, architecture, faults)
    index = whole.index(archs)
    missing = len(whole.all()) - len(index)
    if missing and not allow_missing:
        faults.append(_missing(whole, archs, missing))
    columns = numbers(frame, [n for q in quantities for n in present(q.columns, header)], faults)
    for quantity, found in zip(quantities, grids, strict=True):
        if quantity.role == "cost":
            negative(columns, present(quantity.columns, header), faults)
            if found is not None:
                decreasing(columns, _along_epochs(found), faults)
    faults += _clashes(quantities, grids)
    if faults:
        raise TableError(
            f"{stem} (rows count from 1, the header not counted):\n- "
            + "\n- ".join(dict.fromkeys(faults))
        )
    epochs = known[0].epochs or (1,)
    values = _values(quantities, known, columns, epochs)[good]
    rows = np.full(whole.cardinality, -1, dtype=np.int32)
    rows[index] = np.arange(len(index))
    table = Table(values, np.full(len(values), values.shape[1], dtype=np.int64), rows)
    digest = digest or sha256(values.tobytes() + rows.tobytes()).hexdigest()
    facts = _facts(name or stem, quantities, epochs, digest)
    return TableBenchmark(whole.restrict(rows >= 0) if missing else whole, table, facts)


class _Quantity(NamedTuple):
    role: Literal["score", "test", "cost", "other"]
    columns: Columns
    metric: Metric


def _quantities(
    score: Columns,
    direction: Direction,
    test: Columns | None,
    cost: Columns | None,
    others: Sequence[str | Metric],
) -> list[_Quantity]:
    if direction not in ("max", "min"):
        raise ParameterError(f"direction must be 'max' or 'min'; got {direction!r}")
    found = [_Quantity("score", score, Metric(title(score), "", direction, "validation", ""))]
    if test is not None:
        found.append(_Quantity("test", test, Metric(title(test), "", direction, "test", "")))
    if cost is not None:
        metric = Metric(title(cost), "s", "min", "none", "training time up to the epoch")
        found.append(_Quantity("cost", cost, metric))
    for other in others:
        metric = other if isinstance(other, Metric) else Metric(other, "", "max", "none", "")
        found.append(_Quantity("other", metric.name, metric._replace(name=title(metric.name))))
    return found


def _facts(name: str, quantities: list[_Quantity], epochs: tuple[int, ...], digest: str) -> Facts:
    of_role = {q.role: q.metric.name for q in reversed(quantities)}
    tests = {of_role["score"]: of_role["test"]} if "test" in of_role else {}
    return Facts(
        name,
        tuple(q.metric for q in quantities),
        epochs,
        of_role["score"],
        tests,
        of_role.get("cost"),
        digest,
    )


def _along_epochs(found: Grid) -> list[tuple[str, str]]:
    """Return the columns of every two consecutive epochs of a seed."""
    return [
        (found.names[seed, before], found.names[seed, after])
        for seed in found.seeds or (None,)
        for before, after in pairwise(found.epochs)
    ]


def _clashes(quantities: list[_Quantity], grids: list[Grid | None]) -> list[str]:
    """Return what is wrong between columns: equal names, other seeds or epochs than the score's."""
    titles = [q.metric.name for q in quantities]
    faults = [
        f"{t!r} names two metrics" for t in sorted({t for t in titles if titles.count(t) > 1})
    ]
    first = grids[0]
    for quantity, found in zip(quantities, grids, strict=True):
        if first is None or found is None:
            continue
        for what in ("seeds", "epochs"):
            ours, theirs = getattr(first, what), getattr(found, what)
            if theirs and theirs != ours:
                faults.append(
                    f"{quantity.metric.name!r} has {what} {', '.join(map(str, theirs))}; the score"
                    f" has {', '.join(map(str, ours)) or 'none'}"
                )
    return faults


def _values(
    quantities: list[_Quantity],
    grids: list[Grid],
    columns: dict[str, Floats],
    epochs: tuple[int, ...],
) -> Floats:
    """Return the numbers, ``(rows, seeds, epochs, metrics)``."""
    seeds = grids[0].seeds or (None,)
    rows = len(next(iter(columns.values())))
    values = np.empty((rows, len(seeds), len(epochs), len(quantities)))
    for m, (quantity, found) in enumerate(zip(quantities, grids, strict=True)):
        for s, seed in enumerate(seeds):
            for e, epoch in enumerate(epochs):
                key = (seed if found.seeds else None, epoch if found.epochs else None)
                factor = 1.0 if found.epochs else _at(quantity.role, epoch, epochs[-1])
                values[:, s, e, m] = columns[found.names[key]] * factor
    return values


def _at(role: str, epoch: int, last: int) -> float:
    """Return what turns a quantity known once into that of an epoch, NaN where it is not known."""
    if role == "cost":
        return epoch / last
    return float("nan") if role == "test" and epoch != last else 1.0


def _missing(space: Space, archs: Archs, missing: int) -> str:
    every = space.all()
    absent = np.flatnonzero(~np.isin(space.index(every), space.index(archs)))[:3]
    shown = ", ".join(space.format(tuple(every[i].tolist())) for i in absent)
    return (
        f"{missing} of the {len(every)} architectures of {space.name} are missing, such as {shown};"
        " allow_missing = true restricts the space to those in the table"
    )
