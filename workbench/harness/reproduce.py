"""Some runs of a study done again, here, and every number of them compared to the bit.

The folder is only read. What was computed before is not looked up: the cache is an empty one.
"""

from __future__ import annotations

import json
import math
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from workbench import seeds
from workbench.data._base import Benchmark
from workbench.errors import ParameterError, StoreError
from workbench.harness.executor import execute_all
from workbench.harness.frozen import Meta, check_format, frozen, unlike
from workbench.harness.kinds import kind_of
from workbench.harness.plan import Plan, prepare
from workbench.harness.result import RunResult
from workbench.harness.retrain import Training, trained_again, trainings_of
from workbench.harness.schema import TABLES
from workbench.harness.sections import RunSpec
from workbench.harness.store import open_store, read_log, read_meta, read_rows, read_runs
from workbench.harness.study import stored_study
from workbench.types import Shows

SHARE = 0.1
_MEASURED = ("cost", "started", "ended")
_NAMES = {"trials": "trial", "tasks": "task"}
_LISTED = 20


class Difference(NamedTuple):
    """Where a run first differs: the row of a table in words, and its columns then and now.

    ``rows`` counts the rows of the table that differ. Of a run that failed now, ``row`` is empty.
    """

    run: int
    name: str
    row: str
    columns: dict[str, tuple[Any, Any]]
    rows: int

    def line(self) -> str:
        """Return it in words."""
        pairs = [f"{key} {then!r} stored, {now!r} found" for key, (then, now) in _some(self)]
        of = f"{self.rows} row{' differs' if self.rows == 1 else 's differ'}; first "
        of = of if self.row else ""
        return f"FAIL  {self.name}: {of}{self.row}{': ' if self.row else ''}{', '.join(pairs)}"


class Reproduced(NamedTuple):
    """What came of it: of ``stored`` runs (of a search: trainings), ``again`` were done again.

    ``evaluations`` is how many rows were compared, ``differing`` how many runs differ, and
    ``differences`` where each of them first does. ``unlike`` says what is other here than it was
    there, the likeliest cause first; ``notes`` what was not compared.
    """

    folder: Path
    what: str
    stored: int
    again: int
    evaluations: int
    differences: list[Difference]
    unlike: list[str]
    notes: list[str]

    @property
    def differing(self) -> int:
        """How many runs came out otherwise."""
        return len({difference.run for difference in self.differences})

    @property
    def holds(self) -> bool:
        """Whether all came out again."""
        return not self.differences

    def summary(self) -> dict[str, Any]:
        """Return everything, ready for JSON."""
        found = self._asdict() | {"holds": self.holds, "differing": self.differing}
        differences = [one._asdict() for one in self.differences]
        return found | {"folder": str(self.folder), "differences": differences}

    def lines(self) -> list[str]:
        """Return what was found in words."""
        found = [one.line() for one in self.differences[:_LISTED]]
        if len(self.differences) > _LISTED:
            found.append(f"      and {len(self.differences) - _LISTED} more")
        done = f"{self.again} of {self.stored} {self.what} were done again"
        if self.holds:
            found.append(f"{done}: {self.evaluations:,} rows, all equal to the bit")
            found += [f"no difference came of: {one}" for one in self.unlike]
        else:
            found.append(f"{done}: {self.differing} of them did NOT come out again")
            first, *more = self.unlike or [_UNKNOWN]
            found.append(f"likely cause: {first}")
            found += [f"or: {one}" for one in more]
        return found + self.notes


_UNKNOWN = (
    "none is known, for versions, tables, threads and processor are the same: what is compared"
    " may draw random numbers of its own, look at a clock, or depend on an order that is not fixed;"
    " or the stored numbers were changed after they were written"
)


def _some(difference: Difference) -> Sequence[tuple[str, tuple[Any, Any]]]:
    return [*difference.columns.items()][:3]


def reproduce(
    folder: Path | str,
    shows: Shows,
    share: float = SHARE,
    seed: int = 0,
    workers: int = 1,
) -> Reproduced:
    """Do a share of the stored runs again, in processes of their own, and compare them.

    Times that are measured anew by every call are left out. Of a search, which depends on how long
    things take, its trainings are done again instead.

    Parameters
    ----------
    folder : path of a study folder
    shows : callable
        As of ``workbench.harness.drive.run_plan``.
    share : float
        Of the finished runs of each entry, drawn at random; at least one of each.
    seed : int
        Of which runs.
    workers : int
        Processes.

    Raises
    ------
    ParameterError
        The share is none.
    StoreError
        The folder holds no study, or none that ended.
    StudyError, DataMissing
        What is needed to run it is not here.
    """
    folder = Path(folder)
    if not 0 < share <= 1:
        raise ParameterError(f"The 'share' parameter must be above 0, at most 1. Got {share!r}.")
    meta = read_meta(folder)
    check_format(meta, folder)
    study = stored_study(meta["study"])
    for path in study.plugin_files():
        if not Path(path).is_file():
            raise StoreError(f"{path} is not there, which the study in {folder} was run with")
    with shows("trying what is compared", study.COMPARED) as shown:
        plan = prepare(study, str(folder), shown)
    with _empty_cache() as place:
        if kind_of(study).execute is None:
            return _trainings(plan, meta, folder, shows, _Choice(share, seed, workers))
        return _runs(plan, meta, folder, shows, _Choice(share, seed, workers), place)


class _Choice(NamedTuple):
    share: float
    seed: int
    workers: int

    def of(self, items: Sequence[int], *key: str) -> list[int]:
        """Return a share of items, at least one, rising."""
        count = max(1, math.floor(self.share * len(items) + 0.5))
        order = seeds.generator(self.seed, "reproduce", *key).permutation(len(items))[:count]
        return sorted(items[i] for i in order.tolist())


@contextmanager
def _empty_cache() -> Iterator[Path]:
    """Give the processes that are started meanwhile an empty cache, and a folder beside it."""
    before = os.environ.get("WORKBENCH_CACHE")
    with tempfile.TemporaryDirectory(prefix="workbench-") as made:
        os.environ["WORKBENCH_CACHE"] = str(Path(made) / "cache")
        try:
            yield Path(made) / "again"
        finally:
            if before is None:
                del os.environ["WORKBENCH_CACHE"]
            else:
                os.environ["WORKBENCH_CACHE"] = before


# -- runs ------------------------------------------------------------------------------------------


def _runs(
    plan: Plan, meta: Meta, folder: Path, shows: Shows, choice: _Choice, place: Path
) -> Reproduced:
    study = plan.study
    finished, failed = _finished(folder)
    chosen = [n for entry, runs in finished.items() for n in choice.of(runs, entry)]
    here = frozen(plan)
    with open_store(place, here) as store:
        ahead = kind_of(study).ahead
        if ahead is not None:
            with shows("scoring", "architectures") as shown:
                ahead(study, chosen, choice.workers, shown)
        compared, differences = 0, []
        with shows("running again", "runs") as shown:
            done = execute_all(plan, chosen, min(choice.workers, len(chosen)), apart=True)
            for i, result in enumerate(done):
                store.add(study, result)
                rows, found = _compared(plan, folder, place, result)
                compared += rows
                differences += found
                shown(i + 1, len(chosen), len(differences))
    specs = map(study.spec, chosen)
    notes = [_ANEW] if any(_measures(plan.benchmarks[s.benchmark], s) for s in specs) else []
    if failed:
        notes.append(f"{failed} runs that failed were left out")
    differences.sort(key=lambda one: one.run)
    stored = sum(map(len, finished.values()))
    return Reproduced(
        folder, "runs", stored, len(chosen), compared, differences, unlike(meta, here), notes
    )


_ANEW = (
    "seconds that are measured, not read from a table, were left out; where the order of tells"
    " depends on them (several workers, or a budget in seconds), runs need not come out again"
)


def _finished(folder: Path) -> tuple[dict[str, list[int]], int]:
    """Return the numbers of finished runs by entry, and how many failed."""
    runs = read_runs(folder)
    whole = runs[runs["error"].isna()]
    if not len(whole):
        raise StoreError(f"{folder} holds no finished run; `workbench status {folder}`")
    by = {str(e): [*map(int, mine)] for e, mine in whole.groupby("entry", sort=False)["run"]}
    return by, len(runs) - len(whole)


def _compared(
    plan: Plan, folder: Path, again: Path, result: RunResult
) -> tuple[int, list[Difference]]:
    """Return how many rows of a run were compared, and where each table first differs."""
    study, number = plan.study, result.number
    spec = study.spec(number)
    labels = study.entries[spec.entry].label, study.benchmarks[spec.benchmark].label
    name = f"{labels[0]} on {labels[1]}, replicate {spec.replicate}"
    if result.error:
        return 0, [Difference(number, name, "", {"error": (None, result.error)}, 0)]
    measured = _measures(plan.benchmarks[spec.benchmark], spec)
    times = {*kind_of(study).times, *(["seconds"] if measured else [])}
    rows, found = 0, []
    for table in TABLES:
        then, now = (_without(table, *read_rows(f, table, number), times) for f in (folder, again))
        left_out = _MEASURED if measured else ()
        rows += len(then)
        different = [*_different(then, now, left_out)]
        if different:
            where, columns = different[0]
            found.append(Difference(number, name, _row(table, where), columns, len(different)))
    return rows, found


def _measures(bench: Benchmark, spec: RunSpec) -> bool:
    """Return whether seconds of a run are measured anew by every call: of trainings, of proxies."""
    if spec.study.kind != "strategies":
        return False
    used = spec.study.effective_parameters()[spec.study.entries[spec.entry].label]
    proxies = used.get("proxies") if "proxies" in (used.get("stages") or ["proxies"]) else None
    stored = type(bench).stored_proxies is not Benchmark.stored_proxies
    scored = isinstance(proxies, dict) or (proxies is not None and not stored)
    return scored or bench.name.startswith("live/")


def _without(
    table: str, columns: list[str], rows: list[tuple[Any, ...]], times: set[str]
) -> list[dict[str, Any]]:
    """Return rows by column, without measures that differ from call to call."""
    named = [dict(zip(columns, row, strict=True)) for row in rows]
    return [row for row in named if table != "measures" or row["metric"] not in times]


def _different(
    then: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]], left_out: Sequence[str]
) -> Iterator[tuple[Mapping[str, Any], dict[str, tuple[Any, Any]]]]:
    """Yield the rows that differ, with the columns that do, then and now."""
    for i in range(max(len(then), len(now))):
        one, other = (rows[i] if i < len(rows) else {} for rows in (then, now))
        columns = {
            key: (one.get(key), other.get(key))
            for key in one or other
            # Their texts are those of the shortest number that reads back to the same bits.
            if key not in left_out and repr(one.get(key)) != repr(other.get(key))
        }
        if columns:
            yield one or other, columns


def _row(table: str, row: Mapping[str, Any]) -> str:
    if table == "measures":
        return f"{row['metric']} at {row['size']} ({row['test_set']})"
    return f"{_NAMES[table]} {row[_NAMES[table]]}"


# -- trainings -------------------------------------------------------------------------------------


def _trainings(plan: Plan, meta: Meta, folder: Path, shows: Shows, choice: _Choice) -> Reproduced:
    study, bench = plan.study, plan.benchmarks[0]
    every = {one.trial: one for one in trainings_of(map(json.loads, read_log(folder)))}
    if not every:
        raise StoreError(f"no training of {folder} has ended; there is nothing to do again")
    chosen = [every[trial] for trial in choice.of([*every])]
    differences = []
    with shows("training again", "trainings") as shown:
        for i, (one, found) in enumerate(trained_again(bench, chosen, choice.workers)):
            columns = next((c for _, c in _different([one.outcome], [found], ())), None)
            if columns:
                differences.append(Difference(one.trial, _name(one, bench), "", columns, 1))
            shown(i + 1, len(chosen), len(differences))
    differences.sort(key=lambda one: one.run)
    gpu = "trained on a GPU, where trainings do not repeat to the bit"
    causes = [gpu] if study.benchmarks[0].device != "cpu" else []
    return Reproduced(
        folder, "trainings", len(every), len(chosen), sum(one.epochs for one in chosen),
        differences, causes + unlike(meta, frozen(plan)), [_SEARCH],
    )  # fmt: skip


_SEARCH = (
    "a search cannot be run again as a whole, for what it asks next depends on how long things"
    " take: its trainings were done again, one by one; its tasks and those of its end were not"
)


def _name(one: Training, bench: Benchmark) -> str:
    return f"training {one.trial}, {bench.space.format(one.arch)} for {one.epochs} epochs"
