"""Run a whole study into a folder, from wherever an earlier process left it."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import NamedTuple

from workbench.errors import StudyError
from workbench.executors import Where, cores, where
from workbench.harness.executor import execute_all
from workbench.harness.frozen import frozen
from workbench.harness.kinds import kind_of
from workbench.harness.plan import Plan, prepare
from workbench.harness.search import as_progress, run_search
from workbench.harness.search_study import SearchStudy
from workbench.harness.sections import Study
from workbench.harness.shard import WHOLE, Shard
from workbench.harness.store import open_store
from workbench.harness.study import load_study
from workbench.types import Progress, Shows


class Outcome(NamedTuple):
    """What a call of ``run_study`` did."""

    folder: Path
    ran: int
    failed: int


def run_study(
    study: Study | Path | str,
    folder: Path | str | None = None,
    workers: Where = 1,
    progress: Progress | None = None,
    shard: str | None = None,
) -> Outcome:
    """Run what is not yet stored of a study; the same numbers for any number of workers.

    Parameters
    ----------
    study : Study or path of a study file
    folder : path, default the study's name in the current folder
        Where ``study.sqlite`` is made or gone on with; by default the name says which shard.
    workers : int or str
        Processes, of which 1 is this one; or a Dask cluster, ``"dask://host:port"``.
    progress : callable, optional
        Called after every run with (finished, all, failed).
    shard : str, optional
        Such as ``"3/16"``: run only this part of the study, into a folder of its own, for
        ``workbench.harness.merge.merge`` to join.

    Raises
    ------
    StudyError, DataMissing, StoreError, ExecutorError
        Before anything is run.
    """
    source = "study"
    if not isinstance(study, Study):
        source = str(study)
        study = load_study(Path(study))
    part = WHOLE if shard is None else Shard.parse(shard)
    plan = prepare(study, source)

    def shows(_: str, what: str) -> AbstractContextManager[Progress]:
        return nullcontext(progress if progress is not None and what == "runs" else _silent)

    place = where(workers) if isinstance(workers, str) else workers
    return run_plan(plan, Path(folder or part.folder(study)), place, shows, part)


def run_plan(
    plan: Plan, folder: Path, workers: Where, shows: Shows, shard: Shard = WHOLE
) -> Outcome:
    """Run what is not yet stored of a prepared study, or of a shard of it.

    ``shows`` is called with a title and with what is counted, before each stage.
    """
    study = plan.study
    if isinstance(study, SearchStudy):
        return _searched(plan, folder, workers, shows, shard)
    numbers = shard.numbers(study)
    with open_store(folder, frozen(plan, shard)) as store:
        store.forget_failed()
        finished = store.finished()
        missing = [n for n in numbers if n not in finished]
        ahead = kind_of(study).ahead
        if ahead is not None and missing:
            with shows("scoring", "architectures") as shown:
                ahead(study, missing, workers, shown)
        done, failed = len(finished), 0
        with shows(study.name, "runs") as shown:
            shown(done, len(numbers), failed)
            for result in execute_all(plan, missing, _place(study, workers, len(missing))):
                store.add(study, result)
                done += 1
                failed += result.error is not None
                shown(done, len(numbers), failed)
    return Outcome(folder, len(missing), failed)


def _searched(plan: Plan, folder: Path, workers: Where, shows: Shows, shard: Shard) -> Outcome:
    """Do a study that is one live search."""
    if shard != WHOLE:
        raise StudyError(f"--shard {shard}: a search is one run; leave it out")
    with shows(plan.study.name, "seconds") as shown:
        done = run_search(plan, folder, workers, shows, as_progress(shown))
    return Outcome(folder, int(done.new > 0), 0)


def _place(study: Study, workers: Where, runs: int) -> Where:
    """Return where runs are done: those that look at what lies in the cache, on this machine."""
    if isinstance(workers, str):
        if kind_of(study).ahead is None and runs:
            return workers
        workers = cores()
    return min(workers, max(1, runs))


def _silent(done: int, of: int, failed: int) -> None:
    """Show nothing."""
