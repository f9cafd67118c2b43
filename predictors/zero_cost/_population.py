"""The scores of a population: in parallel, each architecture once, kept in the cache."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from functools import partial
from math import isfinite
from numbers import Integral
from typing import Any

import numpy as np

from workbench import registry
from workbench.errors import ParameterError, PluginError, WorkbenchError
from workbench.executors import Where, each
from workbench.networks import network_of
from workbench.predictors.zero_cost._batch import Data, batch_of
from workbench.predictors.zero_cost._job import Job, Outcome, Task, scored
from workbench.predictors.zero_cost._score import ALL, columns_of, parts_of, proxy_of
from workbench.predictors.zero_cost._store import Scores, Store
from workbench.spaces import Space
from workbench.types import Arch, Archs, Floats, Progress

_log = logging.getLogger(__name__)


def measure(
    space: Space,
    archs: Archs,
    dataset: Data,
    proxies: Sequence[str] = ALL,
    *,
    network: Mapping[str, Any] | None = None,
    batch_size: int | None = None,
    seed: int = 0,
    workers: Where = 1,
    progress: Progress | None = None,
) -> tuple[Floats, Floats]:
    """Return the scores of a population, and what each would take by itself.

    Each distinct architecture is built and scored once, and what is stored in the cache, by the
    content of all that it depends on, is not computed again: killed at any time, it goes on from
    there. Numbers do not depend on ``workers`` or on the other architectures, but for aggregates
    (``az_nas``), which rank the population given.

    Parameters
    ----------
    space : Space
        ``workbench/networks`` holds a file of its name, or of that of which it is a part.
    archs : integer ndarray of shape (n, d)
    dataset : str, mapping, Dataset, Noise, or (X, y)
        Its shape and classes are those of the network; the batch is drawn from its training part.
    proxies : sequence of str, default all 17
        Names, or paths of files.
    network : mapping, optional
        Settings of the network, such as ``channels`` and ``cells``.
    batch_size : int, optional
        If not given, 64, or all examples of the training part where there are fewer.
    seed : int
        That of the batch, of the weights and of what proxies draw.
    workers : int or str
        Processes, one thread each; or a Dask cluster, ``dask://host:port``.
    progress : callable, optional
        Called with ``(finished, all, failed)`` numbers of distinct architectures.

    Returns
    -------
    scores, seconds : ndarray of shape (n, p)
        Seconds are of one CPU, the building of the network not included: passes that several
        proxies share are in those of each. What cannot be computed is NaN, which the log says.

    Raises
    ------
    ArchitectureError, UnknownName, ParameterError
        Something wrong with the architectures, the names, or what is asked for; the first failure
        where no architecture has scores.
    """
    archs = space.check(archs)
    columns_of(proxies)
    names = list(proxies)
    size = 2 if batch_size is None else batch_size
    _check(size, seed, 1 if isinstance(workers, str) else workers)
    network_of(space, network or {})
    job = Job(space.whole, batch_of(dataset, batch_size, seed), dict(network or {}), seed)
    known = _known(job, archs, names, workers, progress)
    table = [known.get(arch, {}) for arch in _tuples(archs)]
    scores = [_column(name, table) for name in names]
    seconds = [[row[name].seconds if name in row else np.nan for row in table] for name in names]
    shape = (len(names), len(archs))
    return np.reshape(scores, shape).T.copy(), np.reshape(seconds, shape).T.copy()


def _known(
    job: Job, archs: Archs, names: list[str], workers: Where, progress: Progress | None
) -> dict[Arch, Scores]:
    """Return the scores of every architecture by name, computing what is not stored."""
    wanted = {name: _stored_as(name) for name in dict.fromkeys([*columns_of(names), *names])}
    back = {stored: name for name, stored in wanted.items()}
    faults = []
    with Store(job.key()) as store:
        known = store.read()
        distinct = _tuples(np.unique(archs, axis=0)) if len(archs) else []
        tasks = [Task(a, _missing(known.get(a, {}), wanted)) for a in distinct]
        tasks = [task for task in tasks if task.names]
        finished = len(distinct) - len(tasks)
        for outcome in each(partial(scored, job), tasks, workers):
            finished += 1
            scores = {wanted[name]: score for name, score in outcome.scores.items()}
            if scores:
                known.setdefault(outcome.arch, {}).update(scores)
                store.add(outcome.arch, scores)
            if outcome.fault is not None:
                faults.append(outcome)
            if progress is not None:
                progress(finished, len(distinct), len(faults))
    found = {a: {back[s]: one for s, one in row.items() if s in back} for a, row in known.items()}
    if distinct and not any(isfinite(s.value) for a in distinct for s in found.get(a, {}).values()):
        raise _why_nothing(job, distinct[0], tuple(wanted), faults)
    _report(faults, len(distinct))
    return found


def _why_nothing(
    job: Job, arch: Arch, names: tuple[str, ...], faults: Sequence[Outcome]
) -> WorkbenchError:
    """Return why there is no score at all: where NaN was stored, one is tried again."""
    for outcome in (*faults, scored(job, Task(arch, names))):
        if outcome.fault is not None:
            return outcome.fault
    return PluginError(f"{', '.join(names)}: no score is finite")


def _check(batch_size: int, seed: int, workers: int) -> None:
    for name, value, least in (
        ("batch_size", batch_size, 2), ("random_state", seed, 0), ("workers", workers, 1),
    ):  # fmt: skip
        if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
            raise ParameterError(
                f"The {name!r} parameter of ZeroCost must be a whole number of {least} or more."
                f" Got {value!r} instead."
            )


def _missing(scores: Scores, wanted: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(name for name, stored in wanted.items() if stored not in scores)


def _stored_as(name: str) -> str:
    """Return a name with the version of what it stands for: of a file, that of its content."""
    version = getattr(proxy_of(name), "VERSION", 1)
    return f"{name}@{registry.file_hash(name) if name.endswith('.py') else version}"


def _column(name: str, table: list[Scores]) -> Floats:
    parts = parts_of(name)
    if not parts:
        return np.array([row[name].value if name in row else np.nan for row in table])
    columns = [_oriented(part, table) for part in parts]
    scores = np.reshape(columns, (len(parts), len(table))).T
    there = np.isfinite(scores).all(axis=1)
    combined = np.full(len(table), np.nan)
    combined[there] = proxy_of(name)().combine(scores[there])
    return combined


def _oriented(name: str, table: list[Scores]) -> Floats:
    return _column(name, table) * (1 if proxy_of(name).higher_is_better else -1)


def _report(faults: Sequence[Outcome], among: int) -> None:
    if not faults:
        return
    first = faults[0]
    _log.warning(
        "%d of %d architectures do not have all scores, the first is %s: %s",
        len(faults), among, first.arch, first.fault,
    )  # fmt: skip


def _tuples(archs: Archs) -> list[Arch]:
    return [tuple(row) for row in archs.tolist()]
